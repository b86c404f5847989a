// Applications that do what a plan says: the plan stands in the environ, as data, so that it can cross threads.
import { asyncToSync, syncToAsync } from 'quaich/shim';

const here = import.meta.url;
const bytes = (text) => new TextEncoder().encode(text);

class OwnError extends Error {
  name = 'OwnError';
}

const ERRORS = {
  plain: () => new Error('expected: plain'),
  own: () => new OwnError('expected: own'),
  cause: () => new TypeError('expected: with a cause', { cause: new RangeError('expected: the cause') }),
  text: () => 'expected: a text',
  nothing: () => undefined,
};

/** What is no chunk. */
const BAD = {
  text: () => 'text',
  number: () => 5,
  nothing: () => undefined,
  null: () => null,
  promise: () => Promise.resolve(bytes('a')),
  array: () => [1, 2],
  'byte string': () => new Uint8ClampedArray(2),
};

/** A chunk of a body: `'text'`, or `['bad', what]`. */
const chunk = (made) => (Array.isArray(made) ? BAD[made[1]]() : bytes(made));

/** What one operation does, apart from chunks; a promise in the async convention. */
function perform(op, { environ, start, log, state }) {
  const input = environ['wsgi.input'];
  switch (op[0]) {
    case 'start':
      state.write = start(op[1], op[2], op[3] ? ERRORS[op[3]]() : undefined);
      return undefined;
    case 'write':
      return state.write?.(chunk(op[1]));
    case 'write on':
      // Not awaited: goes on before it is through.
      state.write?.(chunk(op[1]));
      return undefined;
    case 'read':
      return input[op[1]](op[2]);
    case 'env':
      log(`${op[1]}: ${JSON.stringify(environ[op[1]])}`);
      return undefined;
    case 'gone':
      return gone(environ);
    case 'throw':
      throw ERRORS[op[1]]();
    default:
      throw new Error(`no such operation: ${op}`);
  }
}

/** What the application can know about its client. */
function gone(environ) {
  const signal = environ['quaich.signal'];
  if (signal === undefined) return String(environ['quaich.client_disconnected']());
  return signal.aborted ? signal.reason.name : 'false';
}

const shown = (value) => {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('latin1'));
  return Array.isArray(value) ? value.map(shown).join(' ') : '';
};

function failure(error) {
  return error instanceof Error ? `${error.name}: ${error.message}` : `thrown: ${String(error)}`;
}

function scene(environ, start) {
  const plan = JSON.parse(environ['test.plan']);
  const log = (text) => environ['wsgi.errors'].write(`app: ${text}\n`);
  return { plan, environ, start, log, state: { write: null } };
}

/** An operation that begins with `try` does not stop the application when it throws. */
function doSync(ops, stage) {
  for (const [name, ...rest] of ops) {
    const op = name === 'try' ? rest : [name, ...rest];
    try {
      stage.log(`${op[0]} ${shown(name === 'lines' ? someLines(stage, rest[0]) : perform(op, stage))}`);
    } catch (error) {
      stage.log(`${op[0]} threw ${failure(error)}`);
      if (name !== 'try') throw error;
    }
  }
}

function someLines({ environ }, most) {
  const lines = [];
  for (const line of environ['wsgi.input']) if (lines.push(line) >= most) break;
  return lines;
}

async function doAsync(ops, stage) {
  for (const [name, ...rest] of ops) {
    const op = name === 'try' ? rest : [name, ...rest];
    const input = stage.environ['wsgi.input'];
    try {
      let result;
      if (name === 'lines') result = await some(input, rest[0]);
      else if (name === 'chunks') result = await some(input.chunks(), rest[0]);
      else if (name === 'turn') result = await new Promise((resolve) => setImmediate(resolve));
      else result = await perform(op, stage);
      stage.log(`${op[0]} ${shown(result)}`);
    } catch (error) {
      stage.log(`${op[0]} threw ${failure(error)}`);
      if (name !== 'try') throw error;
    }
  }
}

async function some(iterable, most) {
  const taken = [];
  for await (const one of iterable) if (taken.push(one) >= most) break;
  return taken;
}

function closing(body, stage) {
  const { plan, log } = stage;
  if (!plan.close) return body;
  body.close = () => {
    log('close');
    doSync(plan.closing ?? [], stage);
    if (plan.close === 'throw') throw new Error('expected: close');
  };
  return body;
}

/** What either convention returns where it is neither an array nor an iterator. */
const ODD = { nothing: undefined, null: null, text: 'text', bytes: bytes('text'), object: {} };

export function syncApp(environ, start) {
  const stage = scene(environ, start);
  const { plan, log } = stage;
  doSync(plan.call, stage);
  if (plan.body in ODD) return ODD[plan.body];
  if (plan.body === 'array')
    return closing(
      plan.steps.map((step) => chunk(step.chunk)),
      stage,
    );
  if (plan.body === 'generator') {
    const steps = function* () {
      try {
        for (const step of plan.steps) {
          log('step');
          doSync(step.ops, stage);
          yield chunk(step.chunk);
        }
      } finally {
        log('finally');
      }
    };
    return closing(steps(), stage);
  }
  let at = 0;
  const iterator = {
    next() {
      if (at >= plan.steps.length) {
        log('end');
        return { done: true, value: undefined };
      }
      const step = plan.steps[at++];
      log(`step ${at}`);
      doSync(step.ops, stage);
      return { done: false, value: chunk(step.chunk) };
    },
    return() {
      log('return');
      doSync(plan.returning ?? [], stage);
      if (plan.return === 'throw') throw new Error('expected: return');
      return { done: true, value: undefined };
    },
  };
  if (plan.return === 'none') delete iterator.return;
  return closing({ [Symbol.iterator]: () => iterator }, stage);
}

export async function asyncApp(environ, start) {
  const stage = scene(environ, start);
  const { plan, log } = stage;
  await doAsync(plan.call, stage);
  if (plan.body in ODD) return ODD[plan.body];
  if (plan.body === 'array')
    return closing(
      plan.steps.map((step) => chunk(step.chunk)),
      stage,
    );
  if (plan.body === 'generator') {
    const steps = async function* () {
      try {
        for (const step of plan.steps) {
          log('step');
          await doAsync(step.ops, stage);
          yield chunk(step.chunk);
        }
      } finally {
        log('finally');
      }
    };
    return closing(steps(), stage);
  }
  let at = 0;
  const iterator = {
    async next() {
      if (at >= plan.steps.length) {
        log('end');
        return { done: true, value: undefined };
      }
      const step = plan.steps[at++];
      log(`step ${at}`);
      await doAsync(step.ops, stage);
      if (step.later) await new Promise((resolve) => setImmediate(resolve));
      return { done: false, value: chunk(step.chunk) };
    },
    async return() {
      log('return');
      await doAsync(plan.returning ?? [], stage);
      if (plan.return === 'throw') throw new Error('expected: return');
      return { done: true, value: undefined };
    },
  };
  if (plan.return === 'none') delete iterator.return;
  return closing({ [Symbol.asyncIterator]: () => iterator }, stage);
}

/** Async: the sync application on the same thread. */
export const syncThere = syncToAsync(syncApp, { where: 'here' });
/** Sync: the async application on a thread of its own. */
export const asyncThere = asyncToSync(`${here}:asyncApp`, { ahead: 0 });

export default asyncApp;
