/** B-57: an application bridged there and back behaves as it does without; applications are generated as data. */
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { ClientDisconnected } from 'quaich';
import { asyncToSync, syncToAsync } from 'quaich/shim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AsyncInput, runAsync, runSync, SyncInput } from '../../dist/src/engine/index.js';
import { Blocks, environWith, logOf, RecordingTransport, withoutFrames } from '../shim/gateway.ts';
import { asyncApp, syncApp } from './apps/plan.mjs';

const module = fileURLToPath(new URL('./apps/plan.mjs', import.meta.url));
const RUNS = Number(process.env.QUAICH_TEST_RUNS ?? 150);

/** Exactly one step at a time; and as users have it. */
const syncThereAndBack = asyncToSync(`${module}:syncThere`, { ahead: 0 });
const syncAhead = asyncToSync(`${module}:syncThere`);
const asyncThereAndBack = syncToAsync(`${module}:asyncThere`, { ahead: 0, threads: 1 });
const asyncAhead = syncToAsync(`${module}:asyncThere`, { threads: 1 });
const bridges = [syncThereAndBack, syncAhead, asyncThereAndBack, asyncAhead];

beforeAll(() => Promise.all(bridges.map((app) => app.startup?.({}))));
afterAll(() => Promise.all(bridges.map((app) => app.shutdown?.({}))));

const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 6 });
const errors = fc.constantFrom('plain', 'own', 'cause', 'text', 'nothing');
const status = fc.constantFrom('200 OK', '404 Not Found', '204 No Content', '304 Not Modified', '200', '101 Switching');
const header = fc.constantFrom(
  ['X-A', '1'],
  ['x-a', '\u00e9'],
  ['Set-Cookie', 'a=1'],
  ['Connection', 'close'],
  ['X-Bad', '\u0100'],
);
const length = fc.nat(12).map((value) => ['Content-Length', String(value)]);
const start = fc
  .tuple(
    status,
    fc.array(header, { maxLength: 2 }),
    fc.option(length, { freq: 3 }),
    fc.option(fc.constantFrom('plain', 'own'), { freq: 3 }),
  )
  .map(([line, fields, size, error]) => ['start', line, size === null ? fields : [...fields, size], error]);
const goodStart = fc.constant(['start', '200 OK', [['X-Good', '1']]]);
const read = fc.oneof(
  fc.tuple(
    fc.constant('read'),
    fc.constantFrom('read', 'readline', 'readlines'),
    fc.constantFrom(null, -1, 0, 1, 3, 100),
  ),
  fc.constant(['read', 'readlines', 4]),
);
const quiet = fc.oneof(
  read,
  fc.constant(['env', 'quaich.async']),
  fc.constant(['env', 'REQUEST_METHOD']),
  fc.constant(['env', 'wsgi.run_once']),
);
const operation = fc.oneof(
  { weight: 6, arbitrary: quiet },
  { weight: 2, arbitrary: start },
  { weight: 1, arbitrary: errors.map((error) => ['throw', error]) },
);
const operations = fc.array(operation, { maxLength: 2 });

const plan = fc.record({
  call: fc
    .tuple(
      fc.array(quiet, { maxLength: 2 }),
      fc.option(fc.oneof(goodStart, start), { freq: 8 }),
      fc.array(
        fc.oneof({ weight: 1, arbitrary: text.map((chunk) => ['write', chunk]) }, { weight: 3, arbitrary: operation }),
        { maxLength: 1 },
      ),
    )
    .map(([before, head, after]) => [...before, ...(head === null ? [] : [head]), ...after]),
  body: fc.constantFrom('array', 'iterator', 'iterator'),
  steps: fc.array(fc.record({ ops: operations, chunk: text, later: fc.boolean() }), { maxLength: 5 }),
  return: fc.constantFrom('ok', 'throw'),
  close: fc.constantFrom(null, 'ok', 'throw'),
});

const request = fc.record({
  plan,
  method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST'),
  blocks: fc.array(
    text.filter((block) => block.length > 0),
    { maxLength: 3 },
  ),
  /** The send that finds the client gone. */
  gone: fc.option(fc.nat(3), { freq: 3 }),
});
/** On an event loop `write` cannot wait, so its errors (a disconnect, a surplus) come later than elsewhere (docs/shim.md). */
const withoutLateErrors = request.map((given) =>
  given.gone === null && !JSON.stringify(given.plan.call).includes('Content-Length')
    ? given
    : { ...given, plan: { ...given.plan, call: given.plan.call.filter(([name]) => name !== 'write') } },
);
type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

function setting(
  { plan, method, gone }: Request,
  input: unknown,
  async: boolean,
  transport: RecordingTransport<boolean>,
) {
  transport.onSend = (number) => {
    if (number !== gone) return undefined;
    if (async) return Promise.reject(new ClientDisconnected());
    throw new ClientDisconnected();
  };
  return environWith(input, { REQUEST_METHOD: method, 'test.plan': JSON.stringify(plan), 'quaich.async': async });
}

/** Two reasons to refuse a late `startResponse`: which one is given first depends on who counts the bytes. */
const LATE =
  /startResponse was called (?:after the response was complete \(G-98\)|a second time without an error as third argument \(G-82\))/g;

const comparable = (log: string): string => withoutFrames(log).replace(LATE, 'a late startResponse');

interface Observed {
  events: string[];
  log: string;
}

function sync(app: Parameters<typeof runSync>[0], request: Request): Observed {
  const transport = new RecordingTransport<false>();
  const environ = setting(request, new SyncInput(new Blocks(...request.blocks)), false, transport);
  runSync(app, environ, transport);
  return { events: transport.events, log: comparable(logOf(environ)) };
}

async function async(app: Parameters<typeof runAsync>[0], request: Request): Promise<Observed> {
  const transport = new RecordingTransport<true>();
  const environ = setting(request, new AsyncInput(new Blocks(...request.blocks)), true, transport);
  runAsync(app, environ, transport);
  await transport.over;
  return { events: transport.events, log: comparable(logOf(environ)) };
}

describe('B-57 bridging there and back changes nothing that can be observed', () => {
  it('sync to async to sync: responses, order of all steps, errors, disconnects', () => {
    fc.assert(
      fc.property(withoutLateErrors, (request) => {
        expect(sync(syncThereAndBack, request)).toEqual(sync(syncApp, request));
      }),
      { numRuns: RUNS },
    );
  });

  it('async to sync to async: responses, order of all steps, errors, disconnects', async () => {
    await fc.assert(
      fc.asyncProperty(request, async (request) => {
        expect(await async(asyncThereAndBack, request)).toEqual(await async(asyncApp, request));
      }),
      { numRuns: RUNS },
    );
  });

  it('an application that may be ahead gives the same response', async () => {
    await fc.assert(
      fc.asyncProperty(withoutLateErrors, async (request) => {
        expect(sync(syncAhead, request).events).toEqual(sync(syncApp, request).events);
        expect((await async(asyncAhead, request)).events).toEqual((await async(asyncApp, request)).events);
      }),
      { numRuns: RUNS },
    );
  });
});
