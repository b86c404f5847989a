import { expect, test } from 'vitest';
import { atThreadEnd, endThread, eventLoopDuty, serveByEventLoop } from '../../src/pool/this-thread.ts';

test('B-23 a thread knows for what others wait for its event loop, until it is taken back', () => {
  expect(eventLoopDuty()).toBeUndefined();
  const first = serveByEventLoop('a worker');
  const second = serveByEventLoop('a server');
  expect(eventLoopDuty()).toBe('a server');
  first();
  first();
  expect(eventLoopDuty()).toBe('a server');
  second();
  expect(eventLoopDuty()).toBeUndefined();
});

test('L-09, L-10 what was begun on a thread is ended with its applications: last first, once, whatever fails', async () => {
  const order: string[] = [];
  const failures: unknown[] = [];
  const begin = (name: string, error?: Error): (() => void) =>
    atThreadEnd(async () => {
      order.push(name);
      if (error !== undefined) throw error;
    });
  begin('first');
  const problem = new Error('expected');
  begin('second', problem);
  const forget = begin('third');
  begin('fourth');
  forget();
  await endThread((error) => failures.push(error));
  await endThread((error) => failures.push(error));
  expect(order).toEqual(['fourth', 'second', 'first']);
  expect(failures).toEqual([problem]);
});
