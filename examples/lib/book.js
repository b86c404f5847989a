// @ts-check
/**
 * The database of the guest book: one file, one connection for each worker thread.
 */
import { rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import sqlite from 'node-sqlite3-wasm';
import { blockThread } from './block-thread.js';
import { dataDirectory } from './data.js';

/** Key of the function that the slow query asks, now and then, whether anybody still waits for it (B-37). */
export const clientGone = Symbol('clientGone');

/** @typedef {import('node-sqlite3-wasm').Database & { [clientGone]?: () => boolean }} Database */

/** How long to wait for the others, in milliseconds. */
const BUSY_MS = 10_000;
/** No statement here holds the lock for anything near this long; shorter than the wait, so that it is over by then. */
const STALE_LOCK_MS = 5_000;

/**
 * This driver's lock is a directory beside the file. A thread that was killed while it held the lock leaves it behind,
 * and without this nobody would ever get in again.
 *
 * @param {string} file
 */
function removeStaleLock(file) {
  const lock = `${file}.lock`;
  const stat = statSync(lock, { throwIfNoEntry: false });
  if (stat === undefined || Date.now() - stat.mtimeMs < STALE_LOCK_MS) return;
  try {
    rmdirSync(lock);
  } catch (error) {
    // Another worker was faster.
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error;
  }
}

// Every worker runs this at the same moment; the first makes the table.
const SCHEMA = `PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    written TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
  )`;

/**
 * Opens the file, and makes its table if it is new.
 *
 * @returns {Database}
 */
export function openBook() {
  const file = join(dataDirectory(), 'guestbook.db');
  removeStaleLock(file);
  /** @type {Database} */
  const db = new sqlite.Database(file);
  try {
    db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    try {
      db.exec(SCHEMA);
    } catch {
      // Locked all that time: then by nobody who is still alive.
      removeStaleLock(file);
      db.exec(SCHEMA);
    }
    db.function('wait', (seconds) => blockThread(Number(seconds), () => db[clientGone]?.() === true));
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Closes what `openBook` returned. @param {unknown} db */
export function closeBook(db) {
  if (db instanceof sqlite.Database) db.close();
}
