/** What the table of applications is made of. */
import type { Application, Body } from '../../../src/interface/types.ts';

/** Writes down in which order an application is used. */
export type Trace = string[];

export interface ApplicationCase {
  /** What is shown, with the row. */
  title: string;
  /** GET where left out. */
  method?: string;
  app: (trace: Trace) => Application;
  status: number;
  /** Field lines in order, the framing ones of the gateway left out. */
  fields?: string[];
  /** Native string. */
  body?: string;
  /** The length that the engine settles, -1 for none. Left out: not looked at. */
  length?: number;
  /** The connection is broken, or the client gets fewer bytes than announced. */
  broken?: true;
  trace?: Trace;
  /** What the report on `wsgi.errors` must contain; left out: there must be none. */
  errors?: RegExp;
}

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

export const OK: [string, [string, string][]] = ['200 OK', [['Content-Type', 'text/plain']]];
export const TEXT = ['Content-Type: text/plain'];
export const PAGE = ['Content-Type: text/plain; charset=utf-8', 'Content-Length: 26'];
export const PAGE_BODY = '500 Internal Server Error\n';

export type Step = Uint8Array | (() => Uint8Array);

/** A body that is neither array nor generator and traces its use. */
export function tracedBody(
  trace: Trace,
  steps: Step[],
  options: { close?: () => void; return?: () => void } = {},
): Body {
  let at = 0;
  const body = {
    [Symbol.iterator]() {
      trace.push('iterator');
      return {
        next(): IteratorResult<Uint8Array> {
          trace.push('next');
          if (at === steps.length) return { done: true, value: 'ignored' };
          const step = steps[at++];
          return { done: false, value: typeof step === 'function' ? step() : step };
        },
        return() {
          trace.push('return');
          options.return?.();
          return { done: true as const, value: undefined };
        },
      };
    },
    close() {
      trace.push(this === body ? 'close' : 'close without this');
      options.close?.();
    },
  };
  return body;
}

/** An array body with `close`. */
export function closableArray(trace: Trace, chunks: Uint8Array[]): Body {
  return Object.assign(chunks, { close: () => void trace.push('close') });
}

/** Answers 200 with a traced body. */
export function streaming(...steps: Step[]): (trace: Trace) => Application {
  return (trace) => (_environ, startResponse) => {
    startResponse(...OK);
    return tracedBody(trace, steps);
  };
}

export function answering(
  status: string,
  headers: [string, string][],
  ...steps: Step[]
): (trace: Trace) => Application {
  return (trace) => (_environ, startResponse) => {
    startResponse(status, headers);
    return tracedBody(trace, steps);
  };
}

export function failing(message: string): () => Uint8Array {
  return () => {
    throw new Error(message);
  };
}

export const ALL = ['iterator', 'next', 'next', 'close'];
