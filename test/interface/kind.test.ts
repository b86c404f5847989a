import { describe, expect, test } from 'vitest';
import {
  ApplicationError,
  ClientDisconnected,
  ConfigurationError,
  QuaichError,
  RequestAborted,
  RequestBodyError,
} from '../../src/interface/errors.ts';
import { kindOf, markAsync, markSync } from '../../src/interface/kind.ts';
import type { Application, AsyncApplication } from '../../src/interface/types.ts';

describe('B-01 the kind of an application', () => {
  test('async functions and async generator functions are async, all others sync', () => {
    expect(kindOf(async () => [])).toBe('async');
    expect(kindOf(async function* () {})).toBe('async');
    expect(kindOf(() => [])).toBe('sync');
    expect(kindOf(function* () {})).toBe('sync');
    expect(kindOf((async () => []).bind(null))).toBe('async');
  });

  test('a mark decides, also against the function itself', () => {
    const closure: AsyncApplication = () => Promise.resolve([]);
    expect(kindOf(closure)).toBe('sync');
    expect(markAsync(closure)).toBe(closure);
    expect(kindOf(closure)).toBe('async');
    const odd = async () => [];
    expect(kindOf(markSync(odd as unknown as Application))).toBe('sync');
  });

  test('the mark does not show among the properties of the application', () => {
    expect(Object.keys(markAsync(async () => []))).toEqual([]);
  });

  test('G-02 neither name nor arity nor class matters', () => {
    const asyncApp = (..._arguments: unknown[]) => [];
    expect(kindOf(asyncApp)).toBe('sync');
    expect(kindOf(new Proxy(asyncApp, {}))).toBe('sync');
  });
});

describe('the errors', () => {
  test('G-48, B-38 each has a stable code, its own name and one base', () => {
    const errors = [
      [new ClientDisconnected(), 'QUAICH_CLIENT_DISCONNECTED', 'ClientDisconnected'],
      [new RequestAborted('x'), 'QUAICH_REQUEST_ABORTED', 'RequestAborted'],
      [new RequestBodyError('x'), 'QUAICH_REQUEST_BODY', 'RequestBodyError'],
      [new ApplicationError('x'), 'QUAICH_APPLICATION', 'ApplicationError'],
      [new ConfigurationError('x'), 'QUAICH_CONFIGURATION', 'ConfigurationError'],
    ] as const;
    for (const [error, code, name] of errors) {
      expect(error).toBeInstanceOf(QuaichError);
      expect(error.code).toBe(code);
      expect(error.name).toBe(name);
      expect(error.stack).toContain(name);
    }
    expect(new RequestBodyError('x').status).toBe(400);
    expect(new RequestBodyError('x', 413).status).toBe(413);
    const cause = new Error('cause');
    expect(new ApplicationError('x', { cause }).cause).toBe(cause);
  });
});
