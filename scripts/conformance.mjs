// The conformance report: which test carries which row, with what result, in which way of running; and its page.

/** The ways an application can run, in the order of the report's columns. */
export const WAYS = ['pooled sync', 'pooled async', 'inline', 'shimmed'];

/**
 * @typedef {object} CarriedTest
 * @property {string[]} rows
 * @property {string} name
 * @property {string} file relative to the root
 * @property {boolean} passed
 * @property {{ server: string[], engine: string[] }} ways
 */

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} level MUST, MUST NOT, SHOULD, SHOULD NOT, MAY; warn and report are levels of the validator
 * @property {string} title
 * @property {boolean} ways whether the way in which the application runs could make a difference
 * @property {string} [scope] where the row stands if it has no tests of its own
 * @property {string[]} [by] the rows whose tests show it
 */

/**
 * The row ids that a text names, each once: `G-81`, `B-22, B-23`, and ranges such as `G-51 to G-63`.
 *
 * @param {string} text
 * @returns {string[]}
 */
export function rowsIn(text) {
  const found = new Set(text.match(/\b(?:[GAMVUBL]|PY)-\d+\b/g));
  for (const [, chapter, first, , last] of text.matchAll(/\b([GAMVUBL]|PY)-(\d+) to (\1-)?(\d+)\b/g)) {
    for (let i = Number(first); i <= Number(last); i++) found.add(`${chapter}-${String(i).padStart(2, '0')}`);
  }
  return [...found];
}

/**
 * The ways in which a test ran its application. `server`: through a real server or a bridge between threads; `engine`:
 * in the engine alone, with a transport that records. Both come from the place of the test and the words of its full
 * name.
 *
 * @param {string} file relative to the root
 * @param {string} name titles from the outermost suite inwards, separated by ` > `
 * @returns {{ server: string[], engine: string[] }}
 */
export function waysOf(file, name) {
  const says = (word) => name.split(' > ').some((title) => new RegExp(`(^|: |, |\\()${word}($|[,)])`).test(title));
  if (file.startsWith('test/engine/')) {
    const sync = says('sync') || file.endsWith('/run-sync.test.ts');
    const async = says('async') || file.endsWith('/run-async.test.ts');
    return { server: [], engine: [...(sync ? ['pooled sync'] : []), ...(async ? ['pooled async', 'inline'] : [])] };
  }
  if (/^test\/(server\/shim-|shim\/)/.test(file)) return { server: ['shimmed'], engine: [] };
  if (!file.startsWith('test/server/')) return { server: [], engine: [] };
  const ways = WAYS.filter((way) => name.includes(way) && !(way === 'inline' && name.includes('inline: false')));
  if (says('sync')) ways.push('pooled sync');
  if (says('async') || name.includes('inline: false')) ways.push('pooled async');
  return { server: [...new Set(ways)], engine: [] };
}

const CHAPTERS = {
  G: 'Server and gateway',
  A: 'Application',
  M: 'Middleware',
  V: 'Conformance validator',
  U: 'Toolbox',
  B: 'Bridge between the sync and the async convention',
  L: 'Lifespan',
  PY: 'Applications written in Python',
};
const LEVELS = ['MUST', 'MUST NOT', 'SHOULD', 'SHOULD NOT', 'MAY', 'warn', 'report'];
const FILES_SHOWN = 3;

const isMust = (row) => row.level.startsWith('MUST');
/** Of rows that allow something: it is left out, for the reason that follows. */
const isOffered = (row) => row.scope === undefined || !row.scope.startsWith('not offered');

/**
 * What the tests say of each row.
 *
 * @param {Row[]} rows
 * @param {CarriedTest[]} tests
 */
export function judge(rows, tests) {
  const carried = new Map(rows.map((row) => [row.id, []]));
  for (const test of tests) for (const id of test.rows) carried.get(id)?.push(test);
  const judged = rows.map((row) => {
    const own = carried.get(row.id);
    const borrowed = row.by?.every((id) => carried.get(id)?.length > 0) === true;
    const all = own.length > 0 ? own : borrowed ? row.by.flatMap((id) => carried.get(id)) : [];
    const failed = all.some((test) => !test.passed);
    const none = isOffered(row) ? 'none' : 'not offered';
    const result = failed ? 'fail' : all.length === 0 ? none : 'pass';
    return {
      row,
      tests: own,
      borrowed: own.length === 0 && borrowed,
      result,
      ways: WAYS.map((way) => inWay(own, way)),
    };
  });
  const ids = new Set(rows.map((row) => row.id));
  return {
    judged,
    missing: judged.filter(({ row, result }) => isMust(row) && result === 'none').map(({ row }) => row.id),
    failed: judged.filter(({ result }) => result === 'fail').map(({ row }) => row.id),
    unknown: [...new Set(tests.flatMap((test) => test.rows).filter((id) => !ids.has(id)))],
  };
}

function inWay(tests, way) {
  const served = tests.filter((test) => test.ways.server.includes(way));
  if (served.length > 0) return served.every((test) => test.passed) ? '✓' : '✗';
  const engine = tests.filter((test) => test.ways.engine.includes(way));
  if (engine.length > 0) return engine.every((test) => test.passed) ? '○' : '✗';
  return '';
}

/**
 * What makes a run fail, in words.
 *
 * @param {ReturnType<typeof judge>} report
 */
export function problems({ missing, failed, unknown }) {
  return Object.entries({
    'MUST rows without a test': missing,
    'rows with a test that fails': failed,
    'names of rows that do not exist': unknown,
  })
    .filter(([, ids]) => ids.length > 0)
    .map(([what, ids]) => `${what}: ${ids.join(', ')}`);
}

/** The summary in a line. @param {ReturnType<typeof judge>} report */
export function summary({ judged, missing }) {
  const passed = judged.filter(({ result }) => result === 'pass').length;
  return `${judged.length} rows, ${passed} with tests that pass, ${missing.length} MUST rows without a test`;
}

/** @param {ReturnType<typeof judge>} report */
export function page({ judged, missing }) {
  const lines = [
    '# Conformance',
    '',
    'Made by `npm test` from its results. The rows are those of `test/conformance/rows.json`; a test carries a row if its',
    'name, or that of a suite around it, says so.',
    '',
    '## Summary',
    '',
    '| level | rows | with tests | pass | fail | not offered | without |',
    '|---|--:|--:|--:|--:|--:|--:|',
    ...LEVELS.map((level) =>
      count(
        level,
        judged.filter(({ row }) => row.level === level),
      ),
    ),
    count('all', judged),
    '',
    `MUST rows without a test: ${missing.length === 0 ? 'none' : missing.join(', ')}.`,
    '',
    'The four columns on the right are the ways an application can run: a sync application on a worker thread (pooled sync),',
    'an async one on a worker thread (pooled async) or on the thread of the gateway (inline), and an application of either',
    'kind behind a bridge to the other (shimmed).',
    '',
    '* ✓ tests ran it that way, through a server or between threads, and passed; ✗ one failed',
    '* ○ tests ran it in the engine of that convention, without a server, and passed',
    '* – the row is settled before or beside the application: the way cannot make a difference',
    '* empty: the row has no test that ran this way',
  ];
  for (const [letter, title] of Object.entries(CHAPTERS)) {
    lines.push('', `## ${letter}. ${title}`, '');
    lines.push(
      '| id | level | rule | tests | result | sync | async | inline | shim |',
      '|---|---|---|---|:-:|:-:|:-:|:-:|:-:|',
    );
    for (const one of judged) if (one.row.id.startsWith(letter)) lines.push(line(one));
  }
  return `${lines.join('\n')}\n`;
}

function count(level, some) {
  const tally = (wanted) => some.filter(wanted).length;
  const cells = [
    some.length,
    tally(({ result }) => result === 'pass' || result === 'fail'),
    tally(({ result }) => result === 'pass'),
    tally(({ result }) => result === 'fail'),
    tally(({ result }) => result === 'not offered'),
    tally(({ result }) => result === 'none'),
  ];
  return `| ${level} | ${cells.join(' | ')} |`;
}

function line({ row, tests, borrowed, result, ways }) {
  const shown = ways.map((way) => (row.ways || way !== '' ? way : result === 'not offered' ? '' : '–'));
  const sign = { pass: '✓', fail: '✗', 'not offered': '', none: '' }[result];
  return `| ${[row.id, row.level, row.title, carriers(row, tests, borrowed), sign, ...shown].join(' | ')} |`;
}

function carriers(row, tests, borrowed) {
  if (borrowed) return `${row.scope}: ${row.by.join(', ')}`;
  if (tests.length === 0) return row.scope ?? '';
  const files = [...new Set(tests.map((test) => test.file))];
  const links = files
    .slice(0, FILES_SHOWN)
    .map((file) => `[${file.replace(/^test\//, '').replace(/\.test\.ts$/, '')}](../${file})`);
  const more = files.length > FILES_SHOWN ? `, ${files.length - FILES_SHOWN} more` : '';
  return `${tests.length} in ${links.join(', ')}${more}`;
}
