// Applications for tests of the server: each does one thing that a server must bear.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, threadId } from 'node:worker_threads';

const TEXT = [['Content-Type', 'text/plain']];
const text = (startResponse, body) => {
  startResponse('200 OK', TEXT);
  return [Buffer.from(body)];
};
const number = (environ, name, fallback) => Number(new URLSearchParams(environ.QUERY_STRING).get(name) ?? fallback);

const block = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

/** Blocks its thread for `ms` milliseconds, as a database driver would, or until there is the file `until`. */
export function blocking(environ, startResponse) {
  const file = new URLSearchParams(environ.QUERY_STRING).get('until');
  if (file === null) block(number(environ, 'ms', 1000));
  else while (!existsSync(file)) block(5);
  return text(startResponse, `${threadId}`);
}

/** An async application that does what it must not: blocks its event loop. */
export async function rude(environ, startResponse) {
  return blocking(environ, startResponse);
}

export function fast(_environ, startResponse) {
  return text(startResponse, `${threadId} ${isMainThread}`);
}

export async function asyncFast(_environ, startResponse) {
  return text(startResponse, `${threadId} ${isMainThread}`);
}

/** A body without Content-Type, which only the validator minds (V-60). */
export function untyped(_environ, startResponse) {
  startResponse('200 OK', []);
  return [Buffer.from('what is this?')];
}

export async function asyncUntyped(environ, startResponse) {
  return untyped(environ, startResponse);
}

/** Answers with size and SHA-256 of the body. */
export function digest(environ, startResponse) {
  const hash = createHash('sha256');
  let size = 0;
  for (;;) {
    const block = environ['wsgi.input'].read(65536);
    if (block.length === 0) break;
    size += block.length;
    hash.update(block);
  }
  return text(startResponse, `${size} ${hash.digest('hex')}`);
}

export async function asyncDigest(environ, startResponse) {
  const hash = createHash('sha256');
  let size = 0;
  for await (const block of environ['wsgi.input'].chunks()) {
    size += block.length;
    hash.update(block);
  }
  return text(startResponse, `${size} ${hash.digest('hex')}`);
}

const BLOCK = 50_000;

/** `size` bytes: block i is full of byte i. */
export function* stream(environ, startResponse) {
  startResponse('200 OK', TEXT);
  const size = number(environ, 'size', 1_000_000);
  for (let sent = 0, i = 0; sent < size; sent += BLOCK, i++) yield Buffer.alloc(Math.min(BLOCK, size - sent), i & 255);
}

export async function* asyncStream(environ, startResponse) {
  yield* stream(environ, startResponse);
}

/** Sends for ever; notes in the file of the query when it is closed, and how far it came. */
export function* endless(environ, startResponse) {
  startResponse('200 OK', TEXT);
  let blocks = 0;
  try {
    for (;;) {
      blocks++;
      yield Buffer.alloc(BLOCK);
    }
  } finally {
    appendFileSync(environ.QUERY_STRING, `closed after ${blocks}\n`);
  }
}

export async function* asyncEndless(environ, startResponse) {
  startResponse('200 OK', TEXT);
  const signal = environ['quaich.signal'];
  let blocks = 0;
  try {
    for (;;) {
      blocks++;
      yield Buffer.alloc(BLOCK);
    }
  } finally {
    appendFileSync(
      environ.QUERY_STRING,
      `closed after ${blocks}, ${signal.aborted ? signal.reason.code : 'not aborted'}\n`,
    );
  }
}

/** Waits for ever, unless its client goes; notes both in the file of the query. */
export async function waiting(environ, startResponse) {
  const signal = environ['quaich.signal'];
  appendFileSync(environ.QUERY_STRING, 'begun\n');
  await once(signal, 'abort');
  appendFileSync(environ.QUERY_STRING, `aborted ${signal.reason.code}\n`);
  return text(startResponse, 'nobody reads this');
}

/** One event at once, then one every 20 ms. */
export async function* events(_environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/event-stream']]);
  for (let i = 0; ; i++) {
    yield Buffer.from(`data: ${i}\n\n`);
    await sleep(20);
  }
}

/** As `events`, of a kind that the end of a server does not end properly. */
export async function* ticks(_environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  for (let i = 0; ; i++) {
    yield Buffer.from(`tick ${i}\n`);
    await sleep(20);
  }
}

/** Ends its thread in the way that the path names. */
export function deadly(environ, startResponse) {
  switch (environ.PATH_INFO) {
    case '/exit':
      process.exit(3);
      break;
    case '/later':
      setTimeout(() => {
        throw new Error('expected in this test: outside of any request');
      }, 10);
      break;
    case '/memory': {
      const kept = [];
      for (;;) kept.push(new Array(100_000).fill(Math.random()));
    }
    case '/loop':
      for (;;);
    default:
  }
  return text(startResponse, String(threadId));
}

export async function asyncDeadly(environ, startResponse) {
  return deadly(environ, startResponse);
}

/** Begins a response and ends its thread. */
export function* halfDead(_environ, startResponse) {
  startResponse('200 OK', TEXT);
  yield Buffer.from('begun');
  process.exit(3);
}

/** Sends a file that the query names. */
export function file(environ, startResponse) {
  startResponse('200 OK', TEXT);
  return environ['wsgi.file_wrapper'](openForTest(environ));
}

export async function asyncFile(environ, startResponse) {
  startResponse('200 OK', TEXT);
  return environ['wsgi.file_wrapper'](openForTest(environ));
}

import { closeSync, openSync, readSync } from 'node:fs';

function openForTest(environ) {
  const [path, log] = environ.QUERY_STRING.split('&');
  const fd = openSync(path, 'r');
  return {
    fd,
    read(size) {
      const block = Buffer.alloc(size);
      return block.subarray(0, readSync(fd, block, 0, size, null));
    },
    close() {
      closeSync(fd);
      appendFileSync(log, 'closed\n');
    },
  };
}

export const lifespan = (environ, startResponse) =>
  text(startResponse, JSON.stringify({ state: environ['quaich.state'], thread: threadId }));

lifespan.startup = async (state) => {
  await sleep(20);
  state.started = threadId;
  appendFileSync(process.env.LIFESPAN_LOG, `startup ${threadId}\n`);
};

lifespan.shutdown = (state) => {
  appendFileSync(process.env.LIFESPAN_LOG, `shutdown ${state.started}\n`);
};

export const failing = () => [];
failing.startup = () => {
  throw new Error('expected in this test: no database');
};

export const badEnd = (_environ, startResponse) => text(startResponse, 'ok');
badEnd.shutdown = () => {
  throw new Error('expected in this test: bad end');
};
