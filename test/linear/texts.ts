/** Texts that parsers of header fields, paths, queries and forms might look at again and again. */

const UNITS = [
  ...[
    ' ',
    '\t',
    ',',
    ', ',
    ' ,',
    ';',
    '; ',
    '"',
    '\\',
    '\\"',
    '""',
    '","',
    '=',
    'a=',
    'a=;',
    'a="";',
    '%',
    '%41',
    '%22',
    '/',
    '../',
    '/a',
  ],
  ...[
    '\n',
    '\r\n',
    '\0',
    '&',
    '0',
    '0-0,',
    '-',
    '.',
    '1.',
    '1.1.1.1,',
    ':',
    '0:',
    '[',
    '(',
    '@',
    '?',
    'a',
    'a,',
    'a ',
    '\u00a0',
    '\u00ff',
  ],
  ...['"a",', 'W/"a",', 'a/b,', 'a;q=1,', 'gzip,', 'no-cache ', 'for=a,', 'for="a,', '\n    at /', ':0:0'],
];

/** What a run stands between: blanks are of interest within a value, quoted strings without their end. */
const FRAMES = [
  ['', ''],
  ['a', 'b'],
  ['"', ''],
  ['a;b="', '"'],
  ['bytes=', 'x'],
] as const;

/** By the number of repetitions. */
export const TEXTS: readonly ((units: number) => string)[] = FRAMES.flatMap(([before, after]) =>
  UNITS.map((unit) => (units: number) => before + unit.repeat(units) + after),
);
