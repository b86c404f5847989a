/** The life of a worker thread: each transition of its table, with real threads. */
import { afterAll, describe, expect, it, vi } from 'vitest';
import {
  DRAINING,
  ENDED,
  ENDING,
  EXITED,
  FAILED,
  KILLED,
  LEAVES,
  LEAVING,
  LEFT,
  READY,
  REPLACED,
  STARTED,
  STARTING,
  SUPERVISION,
} from '../../src/pool/states.ts';
import { WorkerThread } from '../../src/pool/thread.ts';

const entry = new URL('./apps/life.mjs', import.meta.url).href;
const seen = vi.hoisted(() => new Set<string>());

vi.mock('../../src/pool/states.ts', async (original) => {
  const states = await original<typeof import('../../src/pool/states.ts')>();
  const nextLife = (state: number, event: number): number => {
    const next = states.nextLife(state, event);
    seen.add(`${state} ${event} ${next}`);
    return next;
  };
  return { ...states, nextLife };
});

interface Life {
  thread: WorkerThread;
  /** Of the thread and of the test: see apps/life.mjs. */
  flag: Int32Array;
  /** What the pool is told, in order. */
  told: string[];
  until(state: number): Promise<void>;
}

function begin(steps: readonly string[], limits: { startupTimeout?: number; leaveTimeout?: number } = {}): Life {
  const flag = new Int32Array(new SharedArrayBuffer(8));
  const told: string[] = [];
  let wake = (): void => {};
  const note = (what: string) => {
    told.push(what);
    wake();
  };
  const thread = new WorkerThread(
    { kind: 'sync', entry, data: { steps, flag }, startupTimeout: 0, leaveTimeout: 0, heapLimit: 0, ...limits },
    3,
    1,
    {
      ready: () => note('ready'),
      uncaught: (_thread, message) => note(`uncaught: ${message}`),
      shutdownFailed: (message) => note(`shutdown failed: ${message}`),
      leaving: () => note('leaving'),
      ending: () => note('ending'),
      ended: () => note('ended'),
    },
  );
  const until = async (state: number): Promise<void> => {
    while (thread.state !== state) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { thread, flag, told, until };
}

function goOn({ flag }: Life): void {
  Atomics.store(flag, 1, 1);
  Atomics.notify(flag, 1);
}

/** Lets the thread take its next steps, and blocks until it has, so that nothing of what it says has been heard yet. */
function goOnUnheard(life: Life): void {
  goOn(life);
  expect(Atomics.wait(life.flag, 0, 0, 10_000)).not.toBe('timed-out');
}

describe('a thread that starts', () => {
  it('L-03 is ready when it says so', async () => {
    const life = begin(['ready']);
    await life.thread.started;
    expect([life.thread.state, life.thread.living, life.told]).toEqual([READY, true, ['ready']]);
    life.thread.kill('the test is over');
    await life.thread.ended;
  });

  it.each([
    ['says that it failed', ['failed'], {}, 'said so'],
    ['takes too long', ['sleep'], { startupTimeout: 200 }, 'startup took longer than 200 ms'],
    ['returns', ['return'], {}, 'its loop returned'],
  ])('L-05 L-04 is ended where it %s', async (_what, steps, limits, message) => {
    const { thread, told, until } = begin(steps, limits);
    await until(ENDING);
    expect(thread.living).toBe(false);
    await expect(thread.started).rejects.toThrow(message);
    await thread.ended;
    expect([thread.state, told]).toEqual([ENDED, ['ending', 'ended']]);
  });

  it.each([
    ['exits', 'exit', /^it ended its thread as process\.exit does, with exit code 7$/],
    ['throws', 'throw', /^TypeError: late\n[\s\S]*life\.mjs:\d+:\d+[\s\S]*caused by: Error: the cause/],
  ])('L-05 and %s has failed, for a reason that is told', async (_what, step, reason) => {
    const { thread, told } = begin([step]);
    await expect(thread.started).rejects.toThrow(reason);
    await thread.ended;
    expect([thread.state, told.at(-1), thread.cause]).toEqual([ENDED, 'ended', expect.stringMatching(reason)]);
  });

  it('L-05 has failed where its entry cannot be loaded', async () => {
    const options = { kind: 'sync', data: null, startupTimeout: 0, leaveTimeout: 0, heapLimit: 0 } as const;
    const nothing = (): void => {};
    const thread = new WorkerThread({ ...options, entry: 'file:///nowhere/at-all.mjs' }, 0, 1, {
      ready: nothing,
      uncaught: nothing,
      shutdownFailed: nothing,
      leaving: nothing,
      ending: nothing,
      ended: nothing,
    });
    await expect(thread.started).rejects.toThrow('at-all.mjs');
    await thread.ended;
  });

  it('can be ended meanwhile, whatever it does', async () => {
    const life = begin(['uncaught', 'sleep']);
    await vi.waitFor(() => expect(life.told).toContain('uncaught: said so'), 10_000);
    life.thread.kill('no time');
    expect(life.thread.state).toBe(ENDING);
    await expect(life.thread.started).rejects.toThrow('no time');
  });
});

describe.each([
  ['ready', READY, ['ready']],
  ['draining', DRAINING, ['ready']],
  ['leaving', LEAVING, ['ready', 'leaving']],
])('a thread that is %s', (_name, state, first) => {
  async function reach(last: string[]): Promise<Life> {
    const life = begin([...first, 'await', ...last]);
    await life.until(first.length === 2 ? LEAVING : READY);
    if (state === DRAINING) life.thread.replaced(0);
    expect(life.thread.state).toBe(state);
    return life;
  }

  it('G-147 fails', async () => {
    const life = await reach(['failed']);
    goOn(life);
    await life.until(ENDED);
    expect([life.thread.cause, life.thread.wasKilled, life.told.at(-2)]).toEqual(['said so', false, 'ending']);
  });

  it('B-40 is ended by force', async () => {
    const life = await reach(['sleep']);
    goOn(life);
    life.thread.kill('it is stuck');
    expect([life.thread.state, life.thread.hooksCut]).toEqual([ENDING, state === LEAVING]);
    // A second reason changes nothing.
    life.thread.kill('again');
    await life.thread.ended;
    expect([life.thread.cause, life.thread.wasKilled]).toEqual(['it is stuck', true]);
  });

  it('G-147 exits', async () => {
    const life = await reach(['exit']);
    goOn(life);
    await life.thread.ended;
    expect([life.thread.state, life.thread.cause, life.told.at(-1)]).toEqual([
      ENDED,
      'its thread exited with code 7',
      'ended',
    ]);
  });

  it('G-146 tells of an error that nobody caught, and goes on', async () => {
    const life = await reach(['uncaught']);
    goOn(life);
    await vi.waitFor(() => expect(life.told).toContain('uncaught: said so'), 10_000);
    expect(life.thread.state).toBe(state);
    life.thread.kill('the test is over');
    await life.thread.ended;
  });

  if (state !== LEAVING) {
    it('L-08 L-16 leaves: hooks, then its end', async () => {
      const life = await reach(['leaving', 'shutdown-failed', 'left']);
      goOn(life);
      await life.thread.ended;
      expect([life.thread.left, life.thread.cause]).toEqual([true, '']);
      expect(life.told.slice(-4)).toEqual(['leaving', 'shutdown failed: said so', 'ending', 'ended']);
    });
  }
});

describe('a thread that is draining', () => {
  it('G-146 is ended when its requests go on beyond its limit', async () => {
    const life = begin(['ready', 'sleep']);
    await life.thread.started;
    life.thread.replaced(200);
    await life.thread.ended;
    expect([life.thread.cause, life.thread.wasKilled]).toEqual([
      'its requests went on for 200 ms behind its successor',
      true,
    ]);
  });
});

describe('a thread whose shutdown hooks run', () => {
  it('L-10 L-11 is ended when they take too long', async () => {
    const { thread } = begin(['ready', 'leaving', 'sleep'], { leaveTimeout: 200 });
    await thread.ended;
    expect([thread.cause, thread.hooksCut]).toEqual(['its shutdown hooks took longer than 200 ms', true]);
  });

  it('ends when they have run', async () => {
    const { thread } = begin(['ready', 'leaving', 'left'], { leaveTimeout: 10_000 });
    await thread.ended;
    expect([thread.left, thread.hooksCut, thread.wasKilled]).toEqual([true, false, false]);
  });
});

describe('a thread that is being ended', () => {
  it.each([[['ready', 'leaving', 'left']], [['failed']]])('says what it says too late: %j', async (steps) => {
    const life = begin(['uncaught', 'await', ...steps, 'signal', 'sleep']);
    await vi.waitFor(() => expect(life.told).toContain('uncaught: said so'), 10_000);
    goOnUnheard(life);
    life.thread.kill('too late');
    await life.thread.ended;
    expect([life.thread.state, life.thread.cause, life.told]).toEqual([
      ENDED,
      'too late',
      ['uncaught: said so', 'ending', 'ended'],
    ]);
  });
});

describe('the table', () => {
  it('begins with a thread that starts, and ends with one that is gone', () => {
    expect(SUPERVISION.initial).toBe(STARTING);
    expect(SUPERVISION.transitions.filter(([from]) => from === ENDED)).toEqual([]);
    const events = [STARTED, FAILED, REPLACED, LEAVES, LEFT, KILLED, EXITED];
    expect(SUPERVISION.events).toHaveLength(events.length);
  });
});

afterAll(() => {
  // Each transition has been gone through above.
  const all = SUPERVISION.transitions.map((transition) => transition.join(' '));
  expect([...seen].toSorted()).toEqual(all.toSorted());
});
