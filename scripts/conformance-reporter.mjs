// A Vitest reporter that collects which rows of the requirements the tests carry, and with what result.
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The ways an application can run, in the order of the report's columns. */
export const WAYS = ['pooled sync', 'pooled async', 'inline', 'shimmed'];

/**
 * The row ids that a text names, each once: `G-81`, `B-22, B-23`, and ranges such as `G-51 to G-63`.
 *
 * @param {string} text
 * @returns {string[]}
 */
export function rowsIn(text) {
  const found = new Set(text.match(/\b[GAMVUBL]-\d+\b/g));
  for (const [, chapter, first, , last] of text.matchAll(/\b([GAMVUBL])-(\d+) to (\1-)?(\d+)\b/g)) {
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

/**
 * @typedef {object} CarriedTest
 * @property {string[]} rows
 * @property {string} name
 * @property {string} file relative to the root
 * @property {boolean} passed
 * @property {{ server: string[], engine: string[] }} ways
 */

export default class ConformanceReporter {
  /** @type {(tests: CarriedTest[]) => void} */
  #report;

  /** @param {(tests: CarriedTest[]) => void} report gets the tests that name rows, in the order of their files */
  constructor(report) {
    this.#report = report;
  }

  /** @param {ReadonlyArray<import('vitest/node').TestModule>} modules */
  onTestRunEnd(modules) {
    const tests = [];
    for (const module of modules) {
      const file = relative(root, module.moduleId).replaceAll('\\', '/');
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        const rows = rowsIn(test.fullName);
        if (rows.length === 0 || state === 'skipped' || state === 'pending') continue;
        tests.push({ rows, name: test.fullName, file, passed: state === 'passed', ways: waysOf(file, test.fullName) });
      }
    }
    this.#report(tests.sort((a, b) => (a.file < b.file ? -1 : Number(a.file > b.file))));
  }
}
