import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ControllerSource, RequestAbort } from '../../src/engine/signal.ts';

for (const [name, Source] of [
  ['the chosen source', RequestAbort],
  ['the controller', ControllerSource],
] as const) {
  describe(`G-48 a signal of ${name}`, () => {
    test('is an AbortSignal by every test and of the same shape as any other', () => {
      const { signal } = new Source();
      const model = new AbortController().signal;
      expect(signal).toBeInstanceOf(AbortSignal);
      expect(Object.prototype.toString.call(signal)).toBe('[object AbortSignal]');
      expect(Reflect.ownKeys(signal)).toEqual(Reflect.ownKeys(model));
      expect(signal.aborted).toBe(false);
      expect(signal.reason).toBe(undefined);
      expect(signal.onabort).toBe(model.onabort);
      expect(() => signal.throwIfAborted()).not.toThrow();
    });

    test('aborts once, with its reason, telling all kinds of listeners', () => {
      const source = new Source();
      const { signal } = source;
      const reason = new Error('reason');
      const seen: string[] = [];
      signal.onabort = (event) => seen.push(`onabort ${event.type} ${event.isTrusted}`);
      signal.addEventListener('abort', () => seen.push('listener'), { once: true });
      source.abort(reason);
      source.abort(new Error('second'));
      expect(seen).toEqual(['onabort abort true', 'listener']);
      expect(signal.aborted).toBe(true);
      expect(signal.reason).toBe(reason);
      expect(() => signal.throwIfAborted()).toThrow(reason);
    });

    test('serves AbortSignal.any, timers, fetch and streams', async () => {
      const source = new Source();
      const { signal } = source;
      const any = AbortSignal.any([signal, new AbortController().signal]);
      const reason = new Error('reason');
      const timer = expect(wait(60_000, undefined, { signal })).rejects.toMatchObject({ cause: reason });
      const fetched = expect(fetch('http://127.0.0.1:9/', { signal })).rejects.toBe(reason);
      const readable = new ReadableStream({ pull: () => new Promise(() => {}) });
      const piped = expect(readable.pipeTo(new WritableStream(), { signal })).rejects.toBe(reason);
      source.abort(reason);
      expect(any.aborted).toBe(true);
      expect(any.reason).toBe(reason);
      await Promise.all([timer, fetched, piped]);
    });

    test('is a new one for every request', () => {
      const first = new Source();
      const second = new Source();
      first.abort(new Error('x'));
      expect(second.signal.aborted).toBe(false);
    });
  });
}
