/** What the engine offers a bridge: a response that goes on as the application gave it, to a gateway somewhere else. */

import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { EngineOptions } from '../../src/engine/options.ts';
import {
  type Action,
  APPLICATION_THREW,
  BODY_FAILED,
  CLOSE_FAILED,
  RETURN_FAILED,
  ResponseState,
  SEND,
  SEND_LAST,
  STOP,
} from '../../src/engine/response.ts';
import { runAsync } from '../../src/engine/run-async.ts';
import { runSync } from '../../src/engine/run-sync.ts';
import { ClientDisconnected } from '../../src/interface/errors.ts';
import { DONE, END, type Final, MORE, type ResponseHead, type Transport } from '../../src/interface/transport.ts';
import type { Application, AsyncApplication } from '../../src/interface/types.ts';
import { chunkOf } from '../../src/rules/body.ts';
import { latin1Slice } from '../../src/rules/latin1.ts';
import { bytes, streaming } from './applications/parts.ts';
import { asyncEnviron, MemoryErrors, syncEnviron } from './environs.ts';

/** Passes everything on: empty chunks, the surplus, arrays as arrays, errors as they were thrown. */
class PassedOn extends ResponseState {
  chunks: Uint8Array[] | null = null;
  readonly failures: [string, unknown][] = [];

  override takeHead(): ResponseHead | null {
    return this.piece?.byteLength === 0 ? null : super.takeHead(); // G-81
  }

  override accept(value: unknown): Action {
    const chunk = chunkOf(value, -1);
    super.accept(chunk);
    this.piece = chunk;
    this.size = chunk.byteLength;
    this.final = MORE;
    return SEND;
  }

  override takeArray(body: readonly unknown[]): null {
    this.chunks = body.map(chunkOf);
    this.end(body);
    return null;
  }

  override end(body: unknown): Action {
    this.requireHead();
    this.piece = null;
    this.size = 0;
    this.final = this.last(body);
    this.complete = true;
    return SEND_LAST;
  }

  override takeFile(): number {
    return -1;
  }

  override fail(what: string, error: unknown): Action {
    this.complete = true;
    this.closingFailed(what, error);
    return STOP;
  }

  override closingFailed(what: string, error: unknown): void {
    this.failures.push([what, error]);
  }

  override warn(): void {}
}

type Sent = [head: boolean, chunk: string | null, final: Final];

/** Runs an application in both conventions, and expects the same of both. */
async function passOn(
  app: (trace: string[]) => Application,
  method = 'GET',
  options: (events: string[]) => EngineOptions = () => ({}),
): Promise<{ sent: Sent[]; arrays: string[][]; failures: [string, unknown][]; events: string[] }> {
  const outcomes = [];
  for (const async of [false, true]) {
    const events: string[] = [];
    const sent: Sent[] = [];
    const arrays: string[][] = [];
    const errors = new MemoryErrors();
    const environ = async ? asyncEnviron(method, errors) : syncEnviron(method, errors);
    const response = new PassedOn({ ...environ }, undefined);
    const transport: Transport<false> & Transport<true> = {
      send(head, chunk, final, size) {
        if (response.chunks !== null) {
          arrays.push(response.chunks.map((one) => Buffer.from(one).toString()));
        }
        sent.push([head !== null, chunk && latin1Slice.call(chunk, 0, size), final]);
        return undefined;
      },
      abort: () => void events.push('abort'),
      done: () => void events.push('done'),
    };
    const all = { ...options(events), response };
    if (async) runAsync(app(events) as unknown as AsyncApplication, environ as never, transport, all);
    else runSync(app(events), environ as never, transport, all);
    await turn();
    expect(errors.text).toBe('');
    outcomes.push({ sent, arrays, failures: response.failures, events });
  }
  expect(outcomes[1]).toEqual(outcomes[0]);
  return outcomes[0];
}

describe('a response that is passed on', () => {
  test('B-24, B-57 empty chunks go on, the head with the first that is not empty', async () => {
    const { sent } = await passOn(() => (_environ, startResponse) => {
      startResponse('200 OK', []);
      return new Set([bytes(''), bytes('a'), new Uint8Array(0), bytes('b')]);
    });
    expect(sent).toEqual([
      [false, '', MORE],
      [true, 'a', MORE],
      [false, '', MORE],
      [false, 'b', MORE],
      [false, null, DONE],
    ]);
  });

  test('B-57 what is beyond Content-Length goes on, also of HEAD', async () => {
    const app = (): Application => (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', '1']]);
      return new Set([bytes('ab'), bytes('c')]);
    };
    const expected = [
      [true, 'ab', MORE],
      [false, 'c', MORE],
      [false, null, DONE],
    ];
    expect((await passOn(app)).sent).toEqual(expected);
    expect((await passOn(app, 'HEAD')).sent).toEqual(expected);
  });

  test('B-57 an array goes on as an array, with the borders of its chunks', async () => {
    const { sent, arrays, events } = await passOn((trace) => (_environ, startResponse) => {
      startResponse('200 OK', []);
      return Object.assign([bytes('a'), bytes(''), bytes('bc')], { close: () => void trace.push('close') });
    });
    expect(sent).toEqual([[true, null, END]]);
    expect(arrays).toEqual([['a', '', 'bc']]);
    expect(events).toEqual(['close', 'done']);
  });

  test('B-32 errors go on as they were thrown, and are neither logged nor answered', async () => {
    const error = new Error('expected');
    const throwing = (where: string) => () =>
      ((_environ: unknown, startResponse: (status: string, headers: []) => unknown) => {
        if (where === 'call') throw error;
        startResponse('200 OK', []);
        const at = (place: string) => () => {
          if (where === place) throw error;
          return { done: false as const, value: where === 'return' ? 'no chunk' : bytes('a') };
        };
        const body = { [Symbol.iterator]: () => ({ next: at('next'), return: at('return') }), close: at('close') };
        return where === 'close' ? Object.assign([], { close: at('close') }) : body;
      }) as never;
    const failuresOf = async (where: string) => (await passOn(throwing(where))).failures;
    expect(await failuresOf('call')).toEqual([[APPLICATION_THREW, error]]);
    expect(await failuresOf('next')).toEqual([[BODY_FAILED, error]]);
    expect((await failuresOf('return'))[0]).toEqual([RETURN_FAILED, error]);
    expect(await failuresOf('close')).toEqual([[CLOSE_FAILED, error]]);
  });

  test('B-27, B-54 no step before it may be taken; a refusal ends the body: return, then close', async () => {
    const reason = new ClientDisconnected('the caller wants no more');
    let count = 0;
    const { failures, events } = await passOn(streaming(bytes('a'), bytes('b')), 'GET', (trace) => ({
      mayStep() {
        trace.push('may step');
        if (count++ % 2 === 1) throw reason;
        return undefined;
      },
      closing(closes) {
        trace.push(`closing ${closes}`);
        return undefined;
      },
    }));
    expect(events).toEqual(['iterator', 'may step', 'next', 'may step', 'return', 'closing true', 'close', 'done']);
    expect(failures).toEqual([[BODY_FAILED, reason]]);
  });
});
