import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runAsync } from '../../src/engine/run-async.ts';
import { ClientDisconnected } from '../../src/interface/errors.ts';
import type { AsyncBody } from '../../src/interface/types.ts';
import { bytes } from './application-table.ts';
import { asyncEnviron, MemoryErrors } from './environs.ts';
import { AsyncRecorder } from './recording-transport.ts';

/** Lets some microtasks, or turns of the event loop, go by. */
interface Pause {
  microtasks: number;
  turns: number;
}

async function pause({ microtasks, turns }: Pause): Promise<void> {
  for (let i = 0; i < microtasks; i++) await null;
  for (let i = 0; i < turns; i++) await turn();
}

const pauses: fc.Arbitrary<Pause> = fc.record({
  microtasks: fc.integer({ min: 0, max: 3 }),
  turns: fc.integer({ min: 0, max: 2 }),
});

const cases = fc.record({
  start: pauses,
  steps: fc.array(fc.record({ before: pauses, does: fc.constantFrom('chunk', 'empty', 'throw', 'write') }), {
    maxLength: 5,
  }),
  returns: fc.option(pauses),
  closes: fc.option(pauses),
  throwsInClose: fc.boolean(),
  contentLength: fc.option(fc.integer({ min: 0, max: 3 })),
  slow: fc.boolean(),
  sendFails: fc.option(fc.integer({ min: 0, max: 4 })),
  disconnect: fc.option(pauses),
});

test('B-35, B-36, G-110 to G-112 whenever the client goes: return at most once, close once, done once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async (one) => {
      const trace: string[] = [];
      const recorder = new AsyncRecorder();
      recorder.slow = one.slow;
      recorder.abandoned = one.disconnect !== null;
      if (one.sendFails !== null) recorder.disconnectAt = one.sendFails;
      const handle = runAsync(
        async (_environ, startResponse): Promise<AsyncBody> => {
          await pause(one.start);
          const length: [string, string][] =
            one.contentLength === null ? [] : [['Content-Length', String(one.contentLength)]];
          const write = startResponse('200 OK', length);
          const steps = [...one.steps];
          const body: AsyncBody = {
            [Symbol.asyncIterator]: () => ({
              async next() {
                trace.push('next');
                const step = steps.shift();
                await pause(step?.before ?? one.start);
                // The engine learns of it some microtasks later.
                if (step === undefined || step.does === 'throw') setImmediate(() => trace.push('known to be finished'));
                if (step === undefined) return { done: true, value: undefined };
                if (step.does === 'throw') throw new Error('step');
                if (step.does === 'write') write(bytes('w')); // against A-14; nothing may break
                return { done: false, value: bytes(step.does === 'empty' ? '' : 'c') };
              },
              ...(one.returns === null
                ? {}
                : {
                    async return() {
                      trace.push('return');
                      await pause(one.returns!);
                      trace.push('returned');
                      return { done: true as const, value: undefined };
                    },
                  }),
            }),
          };
          if (one.closes !== null) {
            body.close = async () => {
              trace.push('close');
              await pause(one.closes!);
              trace.push('closed');
              if (one.throwsInClose) throw new Error('close');
            };
          }
          return body;
        },
        asyncEnviron('GET', new MemoryErrors()),
        recorder,
      );
      if (one.disconnect !== null) {
        await pause(one.disconnect);
        handle?.disconnect(new ClientDisconnected());
        handle?.disconnect(new ClientDisconnected());
      }
      await recorder.over;
      trace.push('over');
      await pause({ microtasks: 3, turns: 3 });

      const count = (what: string): number => trace.filter((line) => line === what).length;
      expect(recorder.dones).toBe(1);
      expect(count('return')).toBeLessThanOrEqual(1);
      expect(count('close')).toBe(one.closes === null ? 0 : 1);
      // Nothing goes on after the request is over.
      expect(trace.filter((line) => line !== 'known to be finished').at(-1)).toBe('over');
      const ending = trace.findIndex((line) => line === 'return' || line === 'close');
      if (ending >= 0) expect(trace.slice(ending)).not.toContain('next');
      if (trace.indexOf('return') > trace.indexOf('known to be finished')) {
        expect(count('known to be finished')).toBe(0);
      }
      if (count('return') > 0 && count('close') > 0) {
        expect(trace.indexOf('close')).toBeGreaterThan(trace.indexOf('returned'));
      }
      expect(recorder.breaches).toEqual([]);
    }),
    { numRuns: 1000 },
  );
});
