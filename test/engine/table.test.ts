import { describe, expect, test } from 'vitest';
import type { EngineCounters } from '../../src/engine/response.ts';
import { runAsync } from '../../src/engine/run-async.ts';
import { runSync } from '../../src/engine/run-sync.ts';
import { APPLICATIONS, type ApplicationCase, ASYNC_FORMS, type Trace } from './application-table.ts';
import { asyncEnviron, MemoryErrors, syncEnviron } from './environs.ts';
import { AsyncRecorder, type Recorder, SyncRecorder } from './recording-transport.ts';

function check(one: ApplicationCase, recorder: Recorder, trace: Trace, errors: MemoryErrors): void {
  expect(recorder.breaches).toEqual([]);
  expect(recorder.dones).toBe(1);
  expect(recorder.status).toBe(one.status);
  if (one.fields !== undefined) expect(recorder.headLines.slice(1)).toEqual(one.fields);
  if (one.body !== undefined) expect(recorder.body).toBe(one.body);
  if (one.length !== undefined) expect(recorder.head?.length).toBe(one.length);
  expect(recorder.aborted).toBe(one.broken === true);
  expect(recorder.complete).toBe(one.broken !== true);
  expect(trace).toEqual(one.trace ?? []);
  if (one.errors === undefined) expect(errors.text).toBe('');
  else {
    expect(errors.text).toMatch(one.errors);
    expect(errors.text.match(/^quaich: /gm)).toHaveLength(1); // one report for each failure
  }
}

describe('sync', () => {
  for (const one of APPLICATIONS) {
    test(one.title, () => {
      const trace: Trace = [];
      const errors = new MemoryErrors();
      const recorder = new SyncRecorder();
      runSync(one.app(trace), syncEnviron(one.method ?? 'GET', errors), recorder);
      check(one, recorder, trace, errors);
    });
  }
});

for (const { form, make } of ASYNC_FORMS) {
  for (const slow of [false, true]) {
    describe(`async, ${form}${slow ? ', slow transport' : ''}`, () => {
      for (const one of APPLICATIONS) {
        test(`B-14 ${one.title}`, async () => {
          const trace: Trace = [];
          const errors = new MemoryErrors();
          const recorder = new AsyncRecorder();
          recorder.slow = slow;
          const counters: EngineCounters = { failures: 0, disconnects: 0 };
          runAsync(make(one.app(trace)), asyncEnviron(one.method ?? 'GET', errors), recorder, { counters });
          await recorder.over;
          check(one, recorder, trace, errors);
          expect(counters.disconnects).toBe(0);
        });
      }
    });
  }
}
