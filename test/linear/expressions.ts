/** The regular expressions of the sources, found by parsing them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAst } from 'vitest/node';

export interface Expression {
  /** `src/toolbox/json.ts: /x/` */
  where: string;
  /** Null where the pattern is not known before the program runs. */
  regex: RegExp | null;
}

type Tree = Record<string, unknown>;

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !(value instanceof RegExp);
}

function* walk(tree: Tree): Generator<Tree> {
  yield tree;
  for (const value of Object.values(tree)) if (isTree(value)) yield* walk(value);
}

const isNamed = (tree: unknown, name: string): boolean => isTree(tree) && tree.name === name;

/** The value of an expression that is made of the module's constants alone; undefined for any other. */
function constant(text: string, constants: ReadonlyMap<string, unknown>): unknown {
  try {
    // What is run is the text of a `new RegExp(...)` or a string of our own sources.
    return new Function(...constants.keys(), `return (${text})`)(...constants.values());
  } catch {
    return undefined;
  }
}

function expressionsIn(file: string): Expression[] {
  const source = readFileSync(file, 'utf8');
  const program: unknown = parseAst(source, { lang: file.endsWith('.ts') ? 'ts' : 'js' });
  if (!isTree(program)) throw new Error(`${file} has no syntax tree`);
  const textOf = ({ start, end }: Tree): string => source.slice(Number(start), Number(end));
  const constants = new Map<string, unknown>();
  const found: Expression[] = [];
  for (const tree of walk(program)) {
    if (tree.type === 'VariableDeclarator' && isTree(tree.id) && isTree(tree.init)) {
      const { init, id } = tree;
      const value = /^(?:Literal|TemplateLiteral)$/.test(String(init.type)) ? constant(textOf(init), constants) : null;
      if (typeof value === 'string') constants.set(String(id.name), value);
    }
    const made = (tree.type === 'NewExpression' || tree.type === 'CallExpression') && isNamed(tree.callee, 'RegExp');
    if (!made && !(tree.type === 'Literal' && isTree(tree.regex))) continue;
    const regex = constant(textOf(tree), constants);
    found.push({
      where: `${file}: ${textOf(tree).replace(/\s+/g, ' ')}`,
      regex: regex instanceof RegExp ? regex : null,
    });
  }
  return found;
}

/** All of a folder and those below it. */
export function expressionsBelow(folder: string): Expression[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.[cm]?[jt]s$/.test(file))
    .sort()
    .flatMap((file) => expressionsIn(join(folder, file)));
}
