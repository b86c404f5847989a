/** That what reads bodies for applications needs no input that ends by itself. */
import { describe, expect, it } from 'vitest';
import type { AsyncEnviron, Environ, InputStream } from '../../src/interface/types.ts';
import {
  body,
  form,
  json,
  multipart,
  setupAsyncTestingDefaults,
  setupTestingDefaults,
} from '../../src/toolbox/index.ts';

const MULTIPART =
  '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name="b"\r\n\r\n2\r\n--x--\r\n';

/**
 * The body, followed by what belongs to the next request: a server without `wsgi.input_terminated` may be as careless.
 */
class Careless {
  taken = 0;
  readonly #bytes: Buffer;
  readonly #length: number;

  constructor(text: string) {
    this.#length = Buffer.byteLength(text);
    this.#bytes = Buffer.from(`${text}GET /next HTTP/1.1\r\n\r\n`);
  }

  read(size?: number | null): Uint8Array {
    if (typeof size !== 'number' || this.taken + size > this.#length)
      throw new Error(`waits for ever for ${size} bytes`);
    const block = this.#bytes.subarray(this.taken, this.taken + size);
    this.taken += size;
    return new Uint8Array(block);
  }
}

function syncEnviron(text: string, type: string): Environ {
  const environ = Object.assign(Object.create(null), { REQUEST_METHOD: 'POST', CONTENT_TYPE: type });
  setupTestingDefaults(environ);
  environ['wsgi.input'] = new Careless(text) as unknown as InputStream;
  environ['wsgi.input_terminated'] = false;
  if (text !== '') environ.CONTENT_LENGTH = String(Buffer.byteLength(text));
  return environ;
}

function asyncEnviron(text: string, type: string): AsyncEnviron {
  const environ = Object.assign(Object.create(null), { REQUEST_METHOD: 'POST', CONTENT_TYPE: type });
  setupAsyncTestingDefaults(environ);
  const input = new Careless(text);
  environ['wsgi.input'] = { read: async (size?: number) => input.read(size) };
  environ['wsgi.input_terminated'] = false;
  environ.CONTENT_LENGTH = String(Buffer.byteLength(text));
  return environ;
}

describe('A-12 readers ask for no more than CONTENT_LENGTH where the input may not end by itself', () => {
  it('body', async () => {
    expect(Buffer.from(body(syncEnviron('hello', 'text/plain'))).toString()).toBe('hello');
    expect(Buffer.from(await body(asyncEnviron('hello', 'text/plain'))).toString()).toBe('hello');
    expect(body(syncEnviron('', 'text/plain'))).toHaveLength(0);
  });

  it('json', async () => {
    expect(json(syncEnviron('{"a":1}', 'application/json'))).toEqual({ a: 1 });
    expect(await json(asyncEnviron('{"a":1}', 'application/json'))).toEqual({ a: 1 });
  });

  it('form, of both kinds', async () => {
    const urlencoded = 'application/x-www-form-urlencoded';
    expect(form(syncEnviron('a=1', urlencoded)).get('a')).toBe('1');
    expect((await form(asyncEnviron('a=1', urlencoded))).get('a')).toBe('1');
    expect(form(syncEnviron(MULTIPART, 'multipart/form-data; boundary=x')).get('b')).toBe('2');
  });

  it('multipart', async () => {
    const parts = [...multipart(syncEnviron(MULTIPART, 'multipart/form-data; boundary=x'))];
    expect(parts.map(({ name }) => name)).toEqual(['a', 'b']);
    const names: string[] = [];
    for await (const part of multipart(asyncEnviron(MULTIPART, 'multipart/form-data; boundary=x')))
      names.push(part.name);
    expect(names).toEqual(['a', 'b']);
  });
});
