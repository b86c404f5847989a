/**
 * Whatever waits in the sources says what ends the wait, also when the other side dies: a comment "Ends: " just above
 * it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const files = ['src', 'workers'].flatMap((folder) =>
  readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file}`),
);

const WAIT = /\bnew Promise\b|\bAtomics\.wait(?:Async)?\(|\bPromise\.withResolvers\b|\bgate\.wait\(/;
const COMMENT = /^\s*(?:\/\/|\/?\*)/;
/** Lines between the comment and the wait, at most: it may stand above a statement of several lines. */
const REACH = 8;

/** `file:line` of each wait without a word on its end. */
function unended(file: string, text: string): string[] {
  const lines = text.split('\n');
  return lines.flatMap((line, index) => {
    if (!WAIT.test(line) || COMMENT.test(line)) return [];
    const above = lines.slice(Math.max(0, index - REACH), index + 1);
    return above.some((other) => /\bEnds:(?: |$)/.test(other)) ? [] : [`${file}:${index + 1}`];
  });
}

describe('the waits of the sources', () => {
  it('are found, with the words on their ends', () => {
    expect(unended('a', 'await new Promise((resolve) => {\n  later(resolve);\n});')).toEqual(['a:1']);
    expect(unended('a', '// Ends: soon.\nAtomics.wait(words, 0, 0);\nlast();')).toEqual([]);
    expect(unended('a', `// Ends: soon.\n${'next();\n'.repeat(REACH)}Atomics.waitAsync(words, 0, 0);`)).toEqual([
      'a:10',
    ]);
    expect(unended('a', '// It waits. Ends:\n// soon.\nAtomics.wait(words, 0, 0);')).toEqual([]);
    expect(unended('a', '// Not a new Promise.')).toEqual([]);
  });

  it('all say what ends them', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(files.flatMap((file) => unended(file, readFileSync(new URL(file, root), 'utf8')))).toEqual([]);
  });
});
