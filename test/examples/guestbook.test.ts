import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { app, shutdown, startup } from '../../examples/guestbook.js';
import { callSync, field, type RequestOptions } from './drive.ts';

const directory = mkdtempSync(join(tmpdir(), 'quaich-guestbook-'));
const state: Record<string, unknown> = {};
const call = (options: RequestOptions) => callSync(app, { state, ...options });
const post = (type: string, body: string | Uint8Array, options: RequestOptions = {}) =>
  call({ method: 'POST', body: [body], ...options, headers: { 'Content-Type': type, ...options.headers } });
const form = (fields: Record<string, string>, options: RequestOptions = {}) =>
  post('application/x-www-form-urlencoded', String(new URLSearchParams(fields)), options);
const list = (): { name: string; text: string }[] => JSON.parse(call({ path: '/api' }).text).entries;

beforeAll(() => {
  process.env.EXAMPLES_DATA = directory;
  startup(state);
});
beforeEach(() => {
  (state['guestbook.db'] as { exec(sql: string): void }).exec('DELETE FROM entry');
});
afterAll(() => {
  shutdown(state);
  delete process.env.EXAMPLES_DATA;
  rmSync(directory, { recursive: true });
});

describe('the guest book', () => {
  it('takes an entry from a form, and redirects to the page that shows it', () => {
    const posted = form({ name: 'Ádám', text: 'Slàinte 🥃' });
    expect([posted.status, field(posted, 'Location')]).toEqual(['303 See Other', '/mount/']);
    const { text } = call({});
    expect(text).toContain('<h2>Ádám</h2><p>Slàinte 🥃</p>');
  });

  it('takes and lists JSON, newest first', () => {
    const created = post('application/json; charset=utf-8', JSON.stringify({ name: 'a', text: 'one' }), {
      path: '/api',
    });
    expect(created.status).toBe('201 Created');
    expect(JSON.parse(created.text)).toMatchObject({ name: 'a', text: 'one' });
    form({ name: 'b', text: 'two' });
    expect(list().map(({ text }) => text)).toEqual(['two', 'one']);
  });

  it('treats SQL and HTML as the text that they are', () => {
    const name = `'); DROP TABLE entry; --`;
    form({ name, text: '<img src=x onerror=alert(1)>' });
    expect(list()[0]).toMatchObject({ name, text: '<img src=x onerror=alert(1)>' });
    const { text } = call({});
    expect(text).not.toContain('<img');
    expect(text).toContain('&#39;); DROP TABLE entry; --');
  });

  it('refuses what is missing, too long, too large, of another type or malformed', () => {
    const refused = [
      form({ name: '', text: 'x' }),
      form({ name: 'x' }),
      form({ name: 'x'.repeat(81), text: 'x' }),
      post('application/json', '{"name":'),
      post('application/json', 'null'),
      post('application/json', '{"name":1,"text":[]}'),
    ];
    expect(refused.map(({ status }) => status)).toEqual(Array(6).fill('400 Bad Request'));
    expect(post('text/plain', 'x').status).toBe('415 Unsupported Media Type');
    const large = form({ name: 'x', text: 'x'.repeat(20_000) });
    expect([large.status, large.read]).toEqual(['413 Content Too Large', 0]);
    const streamed = form({ name: 'x', text: 'x'.repeat(20_000) }, { chunked: true });
    expect([streamed.status, streamed.read]).toEqual(['413 Content Too Large', 16 * 1024 + 1]);
    expect(list()).toEqual([]);
  });

  it('refuses forms that another site made the browser send', () => {
    expect(form({ name: 'x', text: 'x' }, { headers: { 'Sec-Fetch-Site': 'cross-site' } }).status).toBe(
      '403 Forbidden',
    );
    expect(form({ name: 'x', text: 'x' }, { headers: { 'Sec-Fetch-Site': 'same-origin' } }).status).toBe(
      '303 See Other',
    );
  });

  it('bounds the slow query, and ends it when the client has gone (B-37)', () => {
    expect(call({ query: 'slow=31' }).status).toBe('400 Bad Request');
    expect(JSON.parse(call({ path: '/api', query: 'slow=1' }).text).waited).toBeGreaterThanOrEqual(1);
    const early = call({ path: '/api', query: 'slow=30', disconnected: () => true });
    expect(JSON.parse(early.text).waited).toBeLessThan(5);
  });

  it('is read and written through several connections to one file (L-07)', () => {
    const other: Record<string, unknown> = {};
    startup(other);
    try {
      form({ name: 'one', text: 'x' });
      form({ name: 'two', text: 'x' }, { state: other });
      expect(list().map(({ name }) => name)).toEqual(['two', 'one']);
    } finally {
      shutdown(other);
    }
  });

  it('opens again when a killed thread has left the lock behind', () => {
    const lock = join(directory, 'guestbook.db.lock');
    mkdirSync(lock);
    const past = new Date(Date.now() - 60_000);
    utimesSync(lock, past, past);
    const other: Record<string, unknown> = {};
    startup(other);
    shutdown(other);
    expect(existsSync(lock)).toBe(false);
  });

  it('answers 404 and 405 as it should', () => {
    expect(call({ path: '/other' }).status).toBe('404 Not Found');
    expect(field(call({ method: 'PUT' }), 'Allow')).toBe('GET, HEAD, POST, OPTIONS');
  });
});
