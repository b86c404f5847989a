import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { dimFrames, framePosition } from '../../src/rules/stack-frame.ts';

it.each([
  ['    at f (/a/b.js:3:7)', '/a/b.js'],
  ['    at /a/b.js:3:7', '/a/b.js'],
  ['    at file:///a%20b.js:3:7', '/a b.js'],
  ['    at async file:///a.js:3:7', '/a.js'],
  ['    at async Object.f [as g] (file:///a.js:3:7)', '/a.js'],
  ['    at f (/a (old)/b.js:3:7)', '/a (old)/b.js'],
  ['    at new <anonymous> (/a/b.ts:3:7)', '/a/b.ts'],
])('reads %j', (line, file) => {
  expect(framePosition(line)).toEqual({ file, line: 3, column: 7 });
});

it.each([
  '',
  'at',
  '    at f (node:internal/x:3:7)',
  '    at f (<anonymous>)',
  '    at f (/a/b.js)',
  '    at file:///a%2Fb.js:3:7',
  '    at file://host/a.js:3:7',
  '    at f(',
  'Error: /a/b.js:3:7',
])('finds no file in %j', (line) => {
  expect(framePosition(line)).toBeNull();
});

it('sets back the frames of this package and of Node, for a terminal', () => {
  const own = `    at f (${fileURLToPath(new URL('../../src/engine/a.ts', import.meta.url))}:1:2)`;
  const theirs = '    at g (/srv/site.js:3:4)';
  const node = '    at h (node:internal/a:5:6)';
  expect(dimFrames(['Error: x', theirs, own, node].join('\n')).split('\n')).toEqual([
    'Error: x',
    theirs,
    `\x1b[2m${own}\x1b[22m`,
    `\x1b[2m${node}\x1b[22m`,
  ]);
});
