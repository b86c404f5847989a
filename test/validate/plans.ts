/** Applications that keep the rules, made from generated plans. */
import fc from 'fast-check';
import type {
  Application,
  AsyncApplication,
  AsyncBody,
  AsyncEnviron,
  Body,
  Environ,
  HeaderField,
} from '../../src/interface/index.ts';
import { bytes } from './transport.ts';

/** An application, as data. */
export interface Plan {
  method: string;
  code: number;
  /** Whether Content-Length is given. */
  length: boolean;
  written: string[];
  chunks: string[];
  form: 'array' | 'closable array' | 'iterable' | 'generator' | 'both' | 'file' | 'bare file';
  /** `startResponse` is called by the first step, where the form allows it. */
  late: boolean;
  /** The head is replaced because of an error before it is sent. */
  replaced: boolean;
  /** The step with this number throws; -1 for none. */
  throws: number;
  /** `close` throws. */
  closeThrows: boolean;
  /** The async application returns a promise. */
  promised: boolean;
  read: number | null;
  body: string[];
  /** The send that finds the client gone. */
  goneAt: number;
}

const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '\xff'), maxLength: 6 });
export const plans: fc.Arbitrary<Plan> = fc
  .record({
    method: fc.constantFrom('GET', 'GET', 'GET', 'POST', 'HEAD'),
    code: fc.constantFrom(200, 200, 200, 201, 204, 302, 304, 404),
    length: fc.boolean(),
    written: fc.oneof({ weight: 3, arbitrary: fc.constant<string[]>([]) }, fc.array(text, { maxLength: 2 })),
    chunks: fc.array(fc.oneof({ weight: 4, arbitrary: text }, fc.constant('x'.repeat(9000))), { maxLength: 4 }),
    form: fc.constantFrom(
      'array' as const,
      'closable array' as const,
      'iterable' as const,
      'generator' as const,
      'both' as const,
      'file' as const,
      'bare file' as const,
    ),
    late: fc.boolean(),
    replaced: fc.boolean(),
    throws: fc.constantFrom(-1, -1, -1, 0, 1),
    closeThrows: fc.constantFrom(false, false, false, true),
    promised: fc.boolean(),
    read: fc.option(fc.integer({ min: 0, max: 8 })),
    body: fc.array(text, { maxLength: 3 }),
    goneAt: fc.constantFrom(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 1),
  })
  .map((plan) => {
    // What remains is an application that keeps the rules.
    const bodiless = plan.code === 204 || plan.code === 304;
    return {
      ...plan,
      written: bodiless ? [] : plan.written,
      chunks: bodiless ? plan.chunks.map(() => '') : plan.chunks,
      late: plan.late && plan.written.length === 0 && !plan.form.includes('array'),
      throws: plan.form.includes('array') ? -1 : plan.throws,
    };
  });

function headOf(plan: Plan): [string, HeaderField[]] {
  const headers: HeaderField[] = [['X-A', '1']];
  if (plan.code !== 204 && plan.code !== 304) headers.push(['Content-Type', 'text/plain']);
  const size = [...plan.written, ...plan.chunks].join('').length;
  if (plan.length && plan.code !== 204) headers.push(['content-length', String(size)]);
  return [`${plan.code} Reason`, headers];
}

/** What happened to the body, in order. */
export type Trace = string[];

function iteratorOf(plan: Plan, trace: Trace, first: () => void) {
  let at = -1;
  return {
    next(): IteratorResult<Uint8Array> {
      at++;
      trace.push('next');
      if (at === 0) first();
      if (at === plan.throws) throw new Error(`step ${at}`);
      if (at >= plan.chunks.length) return { done: true, value: undefined };
      return { done: false, value: bytes(plan.chunks[at]) };
    },
    return(): IteratorResult<Uint8Array> {
      trace.push('return');
      return { done: true, value: undefined };
    },
  };
}

function close(plan: Plan, trace: Trace): void {
  trace.push('close');
  if (plan.closeThrows) throw new Error('in close');
}

/** A file of these chunks; the head may be given by its first read. */
function fileOf(plan: Plan, trace: Trace, first: () => void) {
  const chunks = plan.chunks.filter((chunk) => chunk !== '');
  let at = -1;
  const read = (): Uint8Array => {
    at++;
    trace.push('read');
    if (at === 0) first();
    if (at === plan.throws) throw new Error(`read ${at}`);
    return bytes(chunks[at] ?? '');
  };
  return plan.form === 'file' ? { read, close: () => close(plan, trace) } : { read };
}

function syncBody(environ: Environ, plan: Plan, trace: Trace, first: () => void): Body {
  if (plan.form.endsWith('file')) return environ['wsgi.file_wrapper']!(fileOf(plan, trace, first));
  return plainBody(plan, trace, first);
}

function plainBody(plan: Plan, trace: Trace, first: () => void): Body {
  const chunks = plan.chunks.map(bytes);
  switch (plan.form) {
    case 'array':
      return chunks;
    case 'closable array':
      return Object.assign(chunks, { close: () => close(plan, trace) });
    case 'generator':
      return (function* () {
        const iterator = iteratorOf(plan, trace, first);
        try {
          yield* { [Symbol.iterator]: () => iterator };
        } finally {
          trace.push('finally');
        }
      })();
    default:
      return { [Symbol.iterator]: () => iteratorOf(plan, trace, first), close: () => close(plan, trace) };
  }
}

function asyncBody(environ: AsyncEnviron, plan: Plan, trace: Trace, first: () => void): AsyncBody {
  if (plan.form.endsWith('file')) {
    const file = fileOf(plan, trace, first);
    return environ['wsgi.file_wrapper']!({ ...file, read: async () => file.read() });
  }
  if (plan.form.includes('array') || plan.form === 'both') {
    const body = plainBody(plan, trace, first);
    if (plan.form !== 'both') return body;
    return Object.assign(body, { [Symbol.asyncIterator]: () => asyncSteps(iteratorOf(plan, trace, first)) });
  }
  if (plan.form === 'generator') {
    return (async function* () {
      const iterator = iteratorOf(plan, trace, first);
      try {
        for (let step = iterator.next(); !step.done; step = iterator.next()) {
          await null;
          yield step.value;
        }
      } finally {
        trace.push('finally');
      }
    })();
  }
  return {
    [Symbol.asyncIterator]: () => asyncSteps(iteratorOf(plan, trace, first)),
    close: async () => close(plan, trace),
  };
}

function asyncSteps(iterator: ReturnType<typeof iteratorOf>): AsyncIterator<Uint8Array> {
  return { next: async () => iterator.next(), return: async () => iterator.return() };
}

export function syncApplication(plan: Plan, trace: Trace): Application {
  return (environ, startResponse) => {
    const begin = () => {
      if (plan.replaced)
        startResponse('200 OK', [
          ['Content-Type', 'text/plain'],
          ['X-Old', '1'],
        ]);
      const [status, headers] = headOf(plan);
      const write = startResponse(status, headers, plan.replaced ? new Error('replaced') : undefined);
      for (const chunk of plan.written) write(bytes(chunk));
      const { read } = plan;
      trace.push(Buffer.from(environ['wsgi.input'].read(read)).toString('latin1'));
    };
    if (!plan.late) begin();
    return syncBody(environ, plan, trace, plan.late ? begin : () => {});
  };
}

export function asyncApplication(plan: Plan, trace: Trace): AsyncApplication {
  return (environ, startResponse) => {
    const written: Promise<void>[] = [];
    const begin = () => {
      if (plan.replaced)
        startResponse('200 OK', [
          ['Content-Type', 'text/plain'],
          ['X-Old', '1'],
        ]);
      const [status, headers] = headOf(plan);
      const write = startResponse(status, headers, plan.replaced ? new Error('replaced') : undefined);
      for (const chunk of plan.written) written.push(write(bytes(chunk)));
    };
    const make = () => {
      if (!plan.late) begin();
      return asyncBody(environ, plan, trace, plan.late ? begin : () => {});
    };
    if (!plan.promised && plan.written.length === 0) return make();
    return (async () => {
      trace.push(Buffer.from(await environ['wsgi.input'].read(plan.read)).toString('latin1'));
      const body = make();
      await Promise.all(written);
      return body;
    })();
  };
}
