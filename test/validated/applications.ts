/**
 * Applications that use the interface in every way that it allows, for both conventions, to be put inside middleware.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Application, AsyncApplication, FileLike, HeaderField, Kind } from '../../src/index.ts';
import { json } from '../../src/toolbox/index.ts';
import { bytes, make, type Plain } from '../middleware/drive.ts';
import type { AnyApplication } from './watch.ts';

const TEXT: HeaderField = ['Content-Type', 'text/plain; charset=utf-8'];
const PAGE = '<p>The same again, so that it is worth a compression.</p>\n'.repeat(60);

class OpenFile implements FileLike {
  readonly fd = openSync(fileURLToPath(import.meta.url), 'r');
  read(size: number): Uint8Array {
    const block = new Uint8Array(size);
    return block.subarray(0, readSync(this.fd, block));
  }
  close(): void {
    closeSync(this.fd);
  }
}

/** Written once; the async form awaits at every step. */
const plain: Readonly<Record<string, Plain>> = {
  'one chunk in an array'(_environ, startResponse) {
    startResponse('200 OK', [TEXT, ['ETag', '"one"'], ['Last-Modified', 'Thu, 01 Jan 2026 00:00:00 GMT']]);
    return [bytes('hello\n')];
  },
  'several chunks in an array'(_environ, startResponse) {
    startResponse('200 OK', [
      ['Content-Type', 'text/html'],
      ['Content-Length', String(2 * PAGE.length)],
    ]);
    return [bytes(PAGE), bytes(PAGE)];
  },
  'an empty array'(_environ, startResponse) {
    startResponse('303 See Other', [['Location', '/']]);
    return [];
  },
  '204'(_environ, startResponse) {
    startResponse('204 No Content', [
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ]);
    return [];
  },
  '304'(_environ, startResponse) {
    startResponse('304 Not Modified', [['ETag', '"one"']]);
    return [];
  },
  '404'(_environ, startResponse) {
    startResponse('404 Not Found', [TEXT]);
    return [bytes('Not here.\n')];
  },
  *'a generator, which begins late'(_environ, startResponse) {
    startResponse('200 OK', [['Content-Type', 'text/html']]);
    yield bytes(PAGE);
    yield bytes('');
    yield bytes(PAGE);
  },
  *'a generator that waits with its first bytes'(_environ, startResponse) {
    startResponse('200 OK', [TEXT]);
    yield bytes('');
    yield bytes('');
    yield bytes('late\n');
  },
  *'a generator without a chunk'(_environ, startResponse) {
    startResponse('200 OK', [TEXT, ['Content-Length', '0']]);
  },
  'an iterable with close'(_environ, startResponse) {
    startResponse('200 OK', [TEXT, ['Content-Length', '6']]);
    return {
      *[Symbol.iterator]() {
        yield bytes('one');
        yield bytes('two');
      },
      close() {},
    };
  },
  'a file by wsgi.file_wrapper'(environ, startResponse) {
    startResponse('200 OK', [TEXT]);
    return (environ['wsgi.file_wrapper'] as (file: FileLike) => Iterable<Uint8Array>)(new OpenFile());
  },
  'an error before the head'() {
    throw new Error('before the head');
  },
  'an error after the head'(_environ, startResponse) {
    startResponse('200 OK', [TEXT]);
    throw new Error('after the head');
  },
  *'an error before the first chunk'(_environ, startResponse) {
    startResponse('200 OK', [TEXT]);
    yield bytes('');
    throw new Error('before the first chunk');
  },
  *'an error after the first chunk'(_environ, startResponse) {
    startResponse('200 OK', [TEXT]);
    yield bytes('begun');
    throw new Error('after the first chunk');
  },
  'an error in close'(_environ, startResponse) {
    startResponse('200 OK', [TEXT]);
    return {
      *[Symbol.iterator]() {
        yield bytes('whole');
      },
      close() {
        throw new Error('in close');
      },
    };
  },
  'a second head, with the error'(_environ, startResponse) {
    startResponse('200 OK', [
      ['Content-Type', 'text/html'],
      ['Content-Length', '99'],
    ]);
    startResponse('500 Internal Server Error', [TEXT], new Error('the first was a mistake'));
    return [bytes('sorry\n')];
  },
  *'a second head, in the body'(_environ, startResponse) {
    startResponse('200 OK', [
      ['Content-Type', 'text/html'],
      ['ETag', '"wrong"'],
    ]);
    yield bytes('');
    startResponse('503 Service Unavailable', [TEXT], new Error('the first was a mistake'));
    yield bytes('sorry\n');
  },
};

/** What differs between the conventions: reading, and `write`. */
const sync: Readonly<Record<string, Application>> = {
  *'echo by blocks'(environ, startResponse) {
    startResponse('200 OK', [['Content-Type', environ.CONTENT_TYPE || 'text/plain']]);
    for (let block = environ['wsgi.input'].read(7); block.length > 0; block = environ['wsgi.input'].read(7))
      yield block;
  },
  *'echo by lines'(environ, startResponse) {
    startResponse('200 OK', [TEXT]);
    for (const line of environ['wsgi.input']) yield line;
  },
  'the whole body'(environ, startResponse) {
    const { input } = { input: environ['wsgi.input'] };
    const parts = [input.readline(5), ...input.readlines(), input.read()];
    startResponse('200 OK', [TEXT]);
    return parts;
  },
  'a body of JSON'(environ, startResponse) {
    const value = JSON.stringify(json(environ, { maxSize: 1000 }));
    startResponse('200 OK', [['Content-Type', 'application/json']]);
    return [bytes(value)];
  },
  'write, and then a body'(_environ, startResponse) {
    const write = startResponse('200 OK', [TEXT]);
    write(bytes('written, '));
    write(bytes(''));
    return [bytes('returned\n')];
  },
};

const async: Readonly<Record<keyof typeof sync, AsyncApplication>> = {
  async *'echo by blocks'(environ, startResponse) {
    startResponse('200 OK', [['Content-Type', environ.CONTENT_TYPE || 'text/plain']]);
    yield* environ['wsgi.input'].chunks();
  },
  async *'echo by lines'(environ, startResponse) {
    startResponse('200 OK', [TEXT]);
    for await (const line of environ['wsgi.input']) yield line;
  },
  async 'the whole body'(environ, startResponse) {
    const { input } = { input: environ['wsgi.input'] };
    const parts = [await input.readline(5), ...(await input.readlines()), await input.read()];
    startResponse('200 OK', [TEXT]);
    return parts;
  },
  async 'a body of JSON'(environ, startResponse) {
    const value = JSON.stringify(await json(environ, { maxSize: 1000 }));
    startResponse('200 OK', [['Content-Type', 'application/json']]);
    return [bytes(value)];
  },
  async 'write, and then a body'(_environ, startResponse) {
    const write = startResponse('200 OK', [TEXT]);
    await write(bytes('written, '));
    await write(bytes(''));
    return [bytes('returned\n')];
  },
};

/** All of them by name. */
export function applications(kind: Kind): [name: string, app: AnyApplication][] {
  return [
    ...Object.entries(plain).map(([name, app]): [string, AnyApplication] => [name, make(kind, app)]),
    ...Object.entries(kind === 'sync' ? sync : async),
  ];
}
