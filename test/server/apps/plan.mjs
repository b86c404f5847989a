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

/** What one operation does, apart from chunks; a promise where `later` makes it one. */
function perform(op, { environ, start, log }, state) {
  switch (op[0]) {
    case 'start':
      state.write = start(op[1], op[2], op[3] ? ERRORS[op[3]]() : undefined);
      return undefined;
    case 'write':
      return state.write?.(bytes(op[1]));
    case 'read':
      return environ['wsgi.input'][op[1]](op[2]);
    case 'env':
      log(`${op[1]}: ${JSON.stringify(environ[op[1]])}`);
      return undefined;
    case 'throw':
      throw ERRORS[op[1]]();
    default:
      throw new Error(`no such operation: ${op}`);
  }
}

const shown = (value) => {
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

function doSync(ops, stage) {
  for (const op of ops) {
    try {
      stage.log(`${op[0]} ${shown(perform(op, stage, stage.state))}`);
    } catch (error) {
      stage.log(`${op[0]} threw ${failure(error)}`);
      throw error;
    }
  }
}

async function doAsync(ops, stage) {
  for (const op of ops) {
    try {
      stage.log(`${op[0]} ${shown(await perform(op, stage, stage.state))}`);
    } catch (error) {
      stage.log(`${op[0]} threw ${failure(error)}`);
      throw error;
    }
  }
}

function closing(body, { plan, log }) {
  if (!plan.close) return body;
  body.close = () => {
    log('close');
    if (plan.close === 'throw') throw new Error('expected: close');
  };
  return body;
}

export function syncApp(environ, start) {
  const stage = scene(environ, start);
  const { plan, log } = stage;
  doSync(plan.call, stage);
  if (plan.body === 'array')
    return closing(
      plan.steps.map((step) => bytes(step.chunk)),
      stage,
    );
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
      return { done: false, value: bytes(step.chunk) };
    },
    return() {
      log('return');
      if (plan.return === 'throw') throw new Error('expected: return');
      return { done: true, value: undefined };
    },
  };
  return closing({ [Symbol.iterator]: () => iterator }, stage);
}

export async function asyncApp(environ, start) {
  const stage = scene(environ, start);
  const { plan, log } = stage;
  await doAsync(plan.call, stage);
  if (plan.body === 'array')
    return closing(
      plan.steps.map((step) => bytes(step.chunk)),
      stage,
    );
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
      return { done: false, value: bytes(step.chunk) };
    },
    async return() {
      log('return');
      if (plan.return === 'throw') throw new Error('expected: return');
      return { done: true, value: undefined };
    },
  };
  return closing({ [Symbol.asyncIterator]: () => iterator }, stage);
}

/** Async: the sync application on the same thread. */
export const syncThere = syncToAsync(syncApp, { where: 'here' });
/** Sync: the async application on a thread of its own. */
export const asyncThere = asyncToSync(`${here}:asyncApp`, { ahead: 0 });

export default asyncApp;
