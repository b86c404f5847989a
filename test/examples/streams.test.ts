import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { app as download, startup as startDownload } from '../../examples/download.js';
import { app as events, ticks } from '../../examples/events.js';
import { OpenFile } from '../../examples/lib/open-file.js';
import { startup as startUpload, app as upload } from '../../examples/upload.js';
import type { Environ } from '../../src/index.ts';
import { callAsync, callSync, Exchange, field } from './drive.ts';

describe('upload', () => {
  const state = { 'upload.limit': 300_000 };

  it('hashes a body block by block, with and without a Content-Length (G-46)', () => {
    const body = randomBytes(200_000);
    const sha256 = createHash('sha256').update(body).digest('hex');
    for (const chunked of [false, true]) {
      const result = callSync(upload, { method: 'PUT', body: [body], chunked, state });
      expect(JSON.parse(result.text)).toMatchObject({ bytes: 200_000, sha256 });
    }
  });

  it('reads no more than a block at a time', () => {
    const sizes: unknown[] = [];
    const environ = {
      REQUEST_METHOD: 'POST',
      PATH_INFO: '',
      'quaich.state': state,
      'wsgi.input': {
        read(size: unknown) {
          sizes.push(size);
          return new Uint8Array(sizes.length < 3 ? 65536 : 0);
        },
      },
    };
    const body = upload(environ as unknown as Environ, () => () => {});
    expect([...body]).toHaveLength(1);
    expect(sizes).toEqual([65536, 65536, 65536]);
  });

  it('takes an empty body', () => {
    const { text } = callSync(upload, { method: 'PUT', state });
    expect(JSON.parse(text)).toMatchObject({ bytes: 0, sha256: createHash('sha256').digest('hex') });
  });

  it('refuses an announced surplus unread, and a streamed one as soon as it shows', () => {
    const body = [new Uint8Array(500_000)];
    const announced = callSync(upload, { method: 'PUT', body, state });
    expect([announced.status, announced.read]).toEqual(['413 Content Too Large', 0]);
    const streamed = callSync(upload, { method: 'PUT', body, chunked: true, state });
    expect(streamed.status).toBe('413 Content Too Large');
    expect(streamed.read).toBeLessThanOrEqual(300_000 + 65536);
  });

  it('lets a broken upload fail instead of answering with a digest (G-63)', () => {
    const environ = {
      REQUEST_METHOD: 'PUT',
      PATH_INFO: '/',
      'quaich.state': state,
      'wsgi.input': {
        read() {
          throw new Error('the client has gone');
        },
      },
    };
    expect(() => upload(environ as unknown as Environ, () => () => {})).toThrow('the client has gone');
  });

  it('does not start with a limit that is no number', () => {
    process.env.EXAMPLES_UPLOAD_LIMIT = '1 GB';
    try {
      expect(() => startUpload({})).toThrow('EXAMPLES_UPLOAD_LIMIT');
    } finally {
      delete process.env.EXAMPLES_UPLOAD_LIMIT;
    }
  });
});

describe('events', () => {
  it('sends events with growing ids, going on where the browser was', async () => {
    const abort = new AbortController();
    const headers = { 'Last-Event-ID': '41' };
    const exchange = new Exchange(events, { path: '/stream', query: 'every=20', headers, signal: abort.signal });
    const seen = [await exchange.next(), await exchange.next(), await exchange.next()].map((chunk) =>
      String(Buffer.from(chunk ?? [])),
    );
    expect(field(exchange.head, 'Content-Type')).toBe('text/event-stream');
    expect(field(exchange.head, 'Content-Length')).toBeUndefined();
    expect(seen[0]).toBe('retry: 2000\n\n');
    expect(seen[1]).toMatch(/^id: 42\nevent: tick\ndata: \{"time":"[^"]+","late":\d+,"thread":\d+\}\n\n$/);
    expect(seen[2]).toMatch(/^id: 43\n/);
    await exchange.stop();
  });

  it('ends at once when the client goes in the middle of a wait (A-24)', async () => {
    const abort = new AbortController();
    const exchange = new Exchange(events, { path: '/stream', query: 'every=600000', signal: abort.signal });
    await exchange.next();
    const pending = exchange.next();
    abort.abort(new Error('gone'));
    expect(await pending).toBeUndefined();
    await exchange.stop();
  });

  it('sends heartbeats in a long silence', async () => {
    const stream = ticks({ every: 60_000, heartbeat: 5, first: 1 });
    await stream.next();
    expect((await stream.next()).value).toBe(': still here\n\n');
    await stream.return(undefined);
  });

  it('refuses an interval out of bounds, and serves its page', async () => {
    expect((await callAsync(events, { path: '/stream', query: 'every=1' })).status).toBe('400 Bad Request');
    expect((await callAsync(events)).text).toContain('data-from="/mount/stream"');
    expect((await callAsync(events, { method: 'HEAD' })).status).toBe('200 OK');
    expect((await callAsync(events, { path: '/x' })).status).toBe('404 Not Found');
    expect((await callAsync(events, { method: 'POST' })).status).toBe('405 Method Not Allowed');
  });
});

describe('download', () => {
  const directory = mkdtempSync(join(tmpdir(), 'quaich-download-'));
  const odd = `it's 100% "é".csv`;

  beforeAll(() => {
    process.env.EXAMPLES_DATA = directory;
    mkdirSync(join(directory, 'files'));
    writeFileSync(join(directory, 'files', odd), 'a,b\n');
    writeFileSync(join(directory, 'secret.txt'), 'secret');
    symlinkSync(join(directory, 'secret.txt'), join(directory, 'files', 'link.txt'));
    startDownload();
  });
  afterAll(() => {
    delete process.env.EXAMPLES_DATA;
    rmSync(directory, { recursive: true });
  });

  it('sends the file with its length, through the file wrapper and without one (A-18)', () => {
    for (const plain of [false, true]) {
      const result = callSync(download, { path: '/measurements.csv', plain });
      expect(result.status).toBe('200 OK');
      expect(Number(field(result, 'Content-Length'))).toBe(result.body.length);
      expect(result.body.length).toBeGreaterThan(5_000_000);
      expect(result.text.slice(0, 19)).toBe('time,place,celsius\n');
      expect(field(result, 'Content-Type')).toBe('text/csv; charset=utf-8');
    }
  });

  it('closes the file for GET, HEAD and 304 (G-166)', () => {
    const closed: OpenFile[] = [];
    const close = OpenFile.prototype.close;
    OpenFile.prototype.close = function () {
      closed.push(this);
      close.call(this);
    };
    try {
      const got = callSync(download, { path: '/measurements.csv' });
      const head = callSync(download, { method: 'HEAD', path: '/measurements.csv' });
      expect(field(head, 'Content-Length')).toBe(field(got, 'Content-Length'));
      const headers = { 'If-None-Match': `"other", W/${field(got, 'ETag')}` };
      const known = callSync(download, { path: '/measurements.csv', headers });
      expect([known.status, known.body.length, field(known, 'Content-Length')]).toEqual([
        '304 Not Modified',
        0,
        undefined,
      ]);
      expect(closed).toHaveLength(3);
    } finally {
      OpenFile.prototype.close = close;
    }
  });

  it('names any file in a header that has only ASCII, and links it', () => {
    const path = `/${Buffer.from(odd).toString('latin1')}`;
    expect(field(callSync(download, { path }), 'Content-Disposition')).toBe(
      `attachment; filename*=UTF-8''it%27s%20100%25%20%22%C3%A9%22.csv`,
    );
    expect(callSync(download).text).toContain(`href="/mount/it&#39;s%20100%25%20%22%C3%A9%22.csv"`);
  });

  it('opens nothing that is not in its listing', () => {
    for (const path of [
      '/../secret.txt',
      '/..',
      '/.',
      '//etc/passwd',
      '/link.txt',
      '/measurements.csv/',
      '/\0',
      '/x',
    ]) {
      expect(callSync(download, { path }).status, path).toBe('404 Not Found');
    }
  });
});
