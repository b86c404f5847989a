// @ts-check
/**
 * A query that sleeps inside SQLite for as long as it is told. SQLite is that of Node, where it has one (22.13 and
 * later), else the package node-sqlite3-wasm; without either the thread sleeps by itself, and says so.
 */
import { blockThread } from './block-thread.js';

/**
 * @typedef {object} Sleeper
 * @property {string} what what sleeps, in words
 * @property {(seconds: number, isOver: () => boolean) => number} sleep blocks its thread; returns the seconds
 * @property {() => void} close
 */

const SQL = 'SELECT wait(?) AS waited';

/** @returns {Promise<Sleeper>} */
export async function openSleeper() {
  for (const open of [ofNode, ofPackage]) {
    try {
      return await open();
    } catch {
      // It is not there.
    }
  }
  return { what: 'a thread without SQLite', sleep: blockThread, close() {} };
}

/** @returns {Promise<Sleeper>} */
async function ofNode() {
  const { DatabaseSync } = await quietly(() => import(/** @type {string} */ ('node:sqlite')));
  const db = new DatabaseSync(':memory:');
  return sleeperOf('node:sqlite', db, (seconds) => db.prepare(SQL).get(seconds).waited);
}

/** @returns {Promise<Sleeper>} */
async function ofPackage() {
  const { default: sqlite } = await import('node-sqlite3-wasm');
  const db = new sqlite.Database();
  return sleeperOf('node-sqlite3-wasm', db, (seconds) => db.get(SQL, [seconds])?.waited);
}

/**
 * @param {string} what
 * @param {{ function(name: string, call: (seconds: any) => number): unknown, close(): void }} db
 * @param {(seconds: number) => unknown} ask
 * @returns {Sleeper}
 */
function sleeperOf(what, db, ask) {
  let isOver = () => false;
  db.function('wait', (seconds) => blockThread(Number(seconds), () => isOver()));
  return {
    what,
    sleep(seconds, nobodyWaits) {
      isOver = nobodyWaits;
      return Number(ask(seconds));
    },
    close: () => db.close(),
  };
}

/**
 * Without the warning that this part of Node is an experiment.
 *
 * @param {() => Promise<any>} load
 */
async function quietly(load) {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return await load();
  } finally {
    process.emitWarning = emitWarning;
  }
}
