/** What editors show of the types of the convention. */
import { describe, expect, it } from 'vitest';
import { read, sourceOf } from '../house/sources.ts';

const FILE = 'src/interface/types.ts';
const text = read(FILE);

/** The members of an interface, each with the comment above it. */
function membersOf(name: string): [member: string, comment: string][] {
  const body = new RegExp(`^(?:export )?interface ${name}\\b[^{]*\\{\\n([\\s\\S]*?)^\\}`, 'm').exec(text)?.[1] ?? '';
  const found = body.matchAll(
    /(?:^ {2}\/\*\*([\s\S]*?)\*\/\n)?^ {2}(?! \*|\/\*)((?:'[\w.-]+'|\w+|\[key: [^\]]+\]))\??[:(]/gm,
  );
  return [...found].map(([, comment = '', member]) => [member, comment.trim()]);
}

describe('hovering over', () => {
  it.each([
    ['CommonEnviron', 27],
    ['Environ', 4],
    ['AsyncEnviron', 4],
    ['InPlaceEnviron', 5],
    ['InputStream', 3],
    ['AsyncInputStream', 5],
    ['ErrorStream', 3],
    ['Lifespan', 2],
  ])('U-71 a member of %s tells what it is', (name, count) => {
    const members = membersOf(name);
    expect(members.length).toBeGreaterThanOrEqual(count);
    expect(members.filter(([, comment]) => !/\w{3}.*\w{2}/.test(comment)).map(([member]) => member)).toEqual([]);
  });
});

describe('quaich/types', () => {
  it('U-70 has types alone: it loads nothing', () => {
    const entry: unknown = JSON.parse(read('package.json')).exports['./types'];
    expect(entry).toEqual({
      types: `./dist/${FILE.replace('.ts', '.d.ts')}`,
      default: `./dist/${FILE.replace('.ts', '.js')}`,
    });
    const { imports, exports } = sourceOf(FILE);
    expect(imports.filter(({ type }) => !type)).toEqual([]);
    expect(new Set(exports.map(({ kind }) => kind))).toEqual(new Set(['interface', 'type']));
    expect(exports.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['Application', 'AsyncApplication', 'Environ', 'AsyncEnviron', 'Middleware', 'Lifespan']),
    );
  });
});
