import { describe, expect, it } from 'vitest';
import { responseTime } from '../../src/middleware/index.ts';
import { bytes, call, KINDS } from './drive.ts';

describe.each(KINDS)('responseTime in the %s convention', (kind) => {
  it('says how long the application took to its head', async () => {
    let now = 10;
    const wrap = responseTime({ now: () => now });
    const reply = await call(kind, wrap, function* (_environ, startResponse) {
      now += 2.5;
      startResponse('200 OK', [
        ['Content-Type', 'text/plain'],
        ['Server-Timing', 'db;dur=1'],
      ]);
      yield bytes('x');
    });
    expect(reply.all('Server-Timing')).toEqual(['db;dur=1', 'app;dur=2.500']);
  });

  it('writes the bare figure in another field, and reports the end of the body', async () => {
    let now = 0;
    const ends: number[] = [];
    const wrap = responseTime({
      now: () => now,
      header: 'X-Response-Time',
      digits: 0,
      onComplete: (environ, milliseconds) => ends.push(milliseconds, environ.PATH_INFO.length),
    });
    const reply = await call(
      kind,
      wrap,
      function* (_environ, startResponse) {
        now = 3;
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        yield bytes('x');
        now = 9;
      },
      { path: '/four' },
    );
    expect(reply.field('x-response-time')).toBe('3');
    expect(ends).toEqual([9, 5]);
  });

  it('reports the end also when the application throws', async () => {
    let ends = 0;
    const wrap = responseTime({ onComplete: () => void ends++ });
    const reply = await call(kind, wrap, () => {
      throw new Error('on purpose');
    });
    expect(reply.code).toBe(500);
    expect(ends).toBe(1);
  });
});
