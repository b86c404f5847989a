/**
 * A person reads a snapshot before it is taken, so none is longer than a screen. Show what is big by its length and
 * hash.
 */
import { describe, expect, it } from 'vitest';
import { filesOf, read } from './sources.ts';

const LINES = 60;
const BYTES = 5000;

/** `name: lines, bytes` of each snapshot of a file that is too long. */
function long(text: string): string[] {
  return text
    .split(/^(?=exports\[`)/m)
    .filter((one) => one.startsWith('exports['))
    .flatMap((one) => {
      const [lines, bytes] = [one.trim().split('\n').length, Buffer.byteLength(one)];
      return lines > LINES || bytes > BYTES ? [`${one.slice(9, one.indexOf('`]'))}: ${lines}, ${bytes}`] : [];
    });
}

describe('snapshots', () => {
  it('that nobody can read are found', () => {
    const one = (name: string, text: string) => `exports[\`${name} 1\`] = \`\n${text}\n\`;\n\n`;
    const text = `// Head\n\n${one('a', 'x')}${one('b', 'x\n'.repeat(59))}${one('c', 'x'.repeat(BYTES))}`;
    expect(long(text)).toEqual(['b 1: 62, 142', expect.stringMatching(/^c 1: 3, 50/)]);
  });

  it('fit on a screen', () => {
    const files = filesOf(['test'], /\.snap$/);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect(long(read(file)), file).toEqual([]);
  });

  it('inside tests do so, too', () => {
    for (const file of filesOf(['test'], /\.test\.ts$/)) {
      const inline = read(file).matchAll(/toMatchInlineSnapshot\(\s*`([^`]*)`/g);
      for (const [, text] of inline) expect(text.split('\n').length, file).toBeLessThanOrEqual(LINES);
    }
  });
});
