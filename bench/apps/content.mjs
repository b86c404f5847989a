// What every peer serves, and the answers that are right. A peer is one server with all of these paths (the
// frameworks and those in Python: with those that they are measured with):
//
//   GET  /           13 bytes of text
//   GET  /json       an object, serialized for each request
//   POST /length     reads all of the body, answers how long it was
//   GET  /bytes/N    N bytes in one piece, with their length
//   GET  /chunks/N   N pieces of 64 KiB, one after another, as many as the client takes, with their length
//   GET  /file       1 MiB from a file, in the way that the server recommends for files
//   GET  /work/N     a key that is derived in N iterations: whatever computes; on node:http and Quaich alone
import { pbkdf2Sync } from 'node:crypto';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const hello = Buffer.from('Hello world!\n');
export const data = { message: 'Hello world!', numbers: [1, 2, 3], nested: { yes: true, no: null } };
export const json = () => JSON.stringify(data);
/** JSON Schema of the data, for those who serialize by it. */
export const dataSchema = {
  type: 'object',
  properties: {
    message: { type: 'string' },
    numbers: { type: 'array', items: { type: 'integer' } },
    nested: { type: 'object', properties: { yes: { type: 'boolean' }, no: { type: 'null' } } },
  },
};

export const KIB = 1024;
export const MIB = 1024 * KIB;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz012345';
/** Bytes after which a block repeats itself. */
export const PERIOD = LETTERS.length;

/** @param {number} size bytes, the same for everybody */
export const block = (size) => Buffer.alloc(size, LETTERS);

export const CHUNK = block(64 * KIB);

const blocks = new Map();
/** The block of a path `/bytes/N`, made once for each size. */
export function blockOf(path) {
  const size = Number(path.slice('/bytes/'.length));
  if (!blocks.has(size)) blocks.set(size, block(size));
  return blocks.get(size);
}

export const chunksOf = (path) => Number(path.slice('/chunks/'.length));

/** The answer to a path `/work/N`. PBKDF2 is native code, and takes the same of every thread. */
export function work(path) {
  const iterations = Number(path.slice('/work/'.length));
  return Buffer.from(pbkdf2Sync('password', 'salt', iterations, 32, 'sha256').toString('hex'));
}

/** Makes the file of `/file`, and gives its path. */
export function contentFile() {
  const folder = join(tmpdir(), 'quaich-bench');
  const path = join(folder, '1m.txt');
  mkdirSync(folder, { recursive: true });
  if (statSync(path, { throwIfNoEntry: false })?.size !== MIB) writeFileSync(path, block(MIB));
  return path;
}

const expected = (body) => ({ status: 200, body });

export const requests = {
  hello: { path: '/', expect: expected(hello) },
  /** As a browser asks: 14 fields, 1,043 bytes. */
  browser: {
    path: '/?page=2&sort=name',
    headers: {
      'sec-ch-ua': '"Chromium";v="146", "Not-A.Brand";v="24", "Google Chrome";v="146"',
      'sec-ch-ua-mobile': '?0',
      'sec-ch-ua-platform': '"Linux"',
      'upgrade-insecure-requests': '1',
      'user-agent':
        'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36',
      accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
      'sec-fetch-site': 'same-origin',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-user': '?1',
      'sec-fetch-dest': 'document',
      'accept-encoding': 'identity',
      'accept-language': 'en-GB,en;q=0.9,gd;q=0.8',
      cookie: `session=${'0123456789abcdef'.repeat(8)}; theme=dark; consent=analytics%3Dno%26ads%3Dno`,
    },
    expect: expected(hello),
  },
  json: { path: '/json', expect: expected(Buffer.from(json())) },
  upload: (size) => ({
    path: '/length',
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: block(size),
    expect: expected(Buffer.from(String(size))),
  }),
  bytes: (size) => ({ path: `/bytes/${size}`, expect: expected(block(size)) }),
  chunks: (count) => ({ path: `/chunks/${count}`, expect: expected(block(count * CHUNK.length)) }),
  file: { path: '/file', expect: expected(block(MIB)) },
  work: (iterations) => ({ path: `/work/${iterations}`, expect: expected(work(`/work/${iterations}`)) }),
};
