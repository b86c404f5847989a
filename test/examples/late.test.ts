import { Script } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { app, shutdown, startup } from '../../examples/late.js';
import { blockThread } from '../../examples/lib/block-thread.js';
import { latePage } from '../../examples/lib/late-page.js';
import { openSleeper } from '../../examples/lib/sleeper.js';
import { SyncTestClient } from '../../src/testing/index.ts';

const OTHER = 'http://127.0.0.1:8001';
const options = { lifespan: { startup, shutdown }, prefix: '/late' };
const alone = new SyncTestClient(app, options);
const beside = new SyncTestClient(app, { ...options, environ: { 'late.other': OTHER } });

beforeAll(async () => {
  await alone.startup();
  await beside.startup();
});
afterAll(async () => {
  await alone.shutdown();
  await beside.shutdown();
});

describe('the page of the demonstration', () => {
  it('has a chart for its own server, and talks to no other', () => {
    const { text, headers } = alone.get('/late/');
    expect(text.match(/<figure /g)).toHaveLength(1);
    expect(text).toContain('data-clock="/late/../events/stream?every=100" data-sleep="/late/sleep"');
    expect(headers.get('Content-Security-Policy')).toContain("; connect-src 'self'; ");
  });

  it('L-70 has another for the server beside it, which it may talk to', () => {
    const { text, headers } = beside.get('/late/');
    expect(text.match(/<figure /g)).toHaveLength(2);
    expect(text).toContain(`data-clock="${OTHER}/events/stream" data-sleep="${OTHER}/late/sleep"`);
    expect(headers.get('Content-Security-Policy')).toContain(`; connect-src 'self' ${OTHER}; `);
  });

  it('carries a script that parses', () => {
    expect(() => new Script(latePage([]).script)).not.toThrow();
  });
});

describe('the query that sleeps', () => {
  it('says what slept, and for how long', () => {
    expect(alone.get('/late/sleep?seconds=0').json()).toEqual({
      what: expect.stringMatching(/^node(:sqlite|-sqlite3-wasm)$/),
      seconds: expect.any(Number),
    });
  });

  it('sleeps for ten seconds at most', () => {
    expect(alone.get('/late/sleep?seconds=11').status).toBe(400);
    expect(alone.get('/late/sleep?seconds=x').status).toBe(400);
  });

  it('ends when nobody waits for it', async () => {
    const sleeper = await openSleeper();
    expect(sleeper.sleep(10, () => true)).toBeLessThan(5);
    sleeper.close();
    let asked = 0;
    expect(blockThread(10, () => ++asked === 2)).toBeLessThan(5);
  });
});
