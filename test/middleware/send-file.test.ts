import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HeaderFields, type Kind, markAsync, markSync } from '../../src/interface/index.ts';
import { type AnyApplication, type SendFileOptions, sendFile } from '../../src/middleware/index.ts';
import { contentDisposition } from '../../src/toolbox/index.ts';
import { KINDS, type RequestOptions, request } from './drive.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
let top = '';
let root = '';

beforeAll(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'send-file-')));
  root = join(top, 'root');
  mkdirSync(join(root, 'sub'), { recursive: true });
  writeFileSync(join(root, 'a.txt'), LETTERS);
  writeFileSync(join(root, '.secret'), 'secret');
  writeFileSync(join(top, 'outside.txt'), 'outside');
  symlinkSync('../outside.txt', join(root, 'escape.txt'));
  symlinkSync('a.txt', join(root, 'link.txt'));
});

afterAll(() => rmSync(top, { recursive: true, force: true }));

/** Open descriptors of files below the test's directory. */
function openFiles(): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = realpathSync(`/proc/self/fd/${fd}`);
      return target.startsWith(top) ? [target] : [];
    } catch {
      return [];
    }
  });
}

function sending(kind: Kind, path: string, options?: SendFileOptions): AnyApplication {
  return kind === 'sync'
    ? markSync((environ, startResponse) => sendFile(environ, startResponse, path, options))
    : markAsync(async (environ, startResponse) => sendFile(environ, startResponse, path, options));
}

describe.each(KINDS)('sendFile in the %s convention', (kind) => {
  const get = (path: string, options?: SendFileOptions, asked: RequestOptions = {}) =>
    request(kind, sending(kind, path, options), asked);

  it('U-65 sends a file, whole, through the file wrapper', async () => {
    const reply = await get(join(root, 'a.txt'));
    expect(reply).toMatchObject({ status: '200 OK', text: LETTERS, errors: '' });
    expect(Object.fromEntries(reply.headers)).toEqual({
      'Last-Modified': expect.any(String),
      ETag: expect.stringMatching(/^"[\w-]{22}"$/),
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': '26',
      'Accept-Ranges': 'bytes',
      'X-Content-Type-Options': 'nosniff',
    });
    expect((await get(join(root, 'a.txt'), {}, { sendFile: true })).file).toBe(26);
    const head = await get(join(root, 'a.txt'), {}, { method: 'HEAD' });
    expect([head.text, head.headers]).toEqual(['', reply.headers]);
    expect(openFiles()).toEqual([]);
  });

  it('U-65 answers ranges and conditions', async () => {
    const path = join(root, 'a.txt');
    const part = await get(path, {}, { headers: { Range: 'bytes=1-2' } });
    expect([part.code, part.text, part.field('Content-Range')]).toEqual([206, 'bc', 'bytes 1-2/26']);
    expect((await get(path, {}, { headers: { Range: 'bytes=99-' } })).code).toBe(416);
    const headers = { 'If-None-Match': String(part.field('ETag')) };
    expect((await get(path, {}, { headers })).code).toBe(304);
    expect((await get(path, {}, { headers: { 'If-Match': '"other"' } })).code).toBe(412);
    expect((await get(path, {}, { headers, method: 'POST' })).text).toBe(LETTERS);
    expect(openFiles()).toEqual([]);
  });

  it('U-65 takes a type and further fields', async () => {
    const headers: HeaderFields = [['Cache-Control', 'no-store'], contentDisposition('Pl\u00e4ne.txt')];
    const reply = await get(join(root, 'a.txt'), { type: 'application/x-letters', headers });
    expect(reply.field('Content-Type')).toBe('application/x-letters');
    expect(reply.field('Cache-Control')).toBe('no-store');
    expect(reply.field('Content-Disposition')).toContain("filename*=UTF-8''Pl%C3%A4ne.txt");
  });

  it('U-65 answers 404 where there is no file', async () => {
    for (const path of ['missing.txt', 'sub', 'a.txt/b', 'a.txt\0']) {
      expect(await get(join(root, path))).toMatchObject({ code: 404, text: 'Not Found\n', errors: '' });
    }
    expect(openFiles()).toEqual([]);
  });

  it('U-65 does not leave its root', async () => {
    for (const path of ['a.txt', 'link.txt']) expect((await get(path, { root })).text).toBe(LETTERS);
    const outside = ['../outside.txt', 'escape.txt', '.secret', '/a.txt', 'sub/../a.txt', '..'];
    for (const path of [...outside, '', 'sub', 'a.txt\0', '\\a.txt'])
      expect([path, (await get(path, { root })).code]).toEqual([path, 404]);
    expect((await get('a.txt', { root: join(root, 'missing') })).code).toBe(404);
    expect(openFiles()).toEqual([]);
  });

  it('U-65 closes the file where its fields are refused', async () => {
    const reply = await get(join(root, 'a.txt'), { headers: [['X', 'a\nb']] });
    expect([reply.code, reply.errors.includes('control character')]).toEqual([500, true]);
    // In the async convention the response does not wait for it.
    await expect.poll(openFiles).toEqual([]);
  });
});
