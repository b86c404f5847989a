import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClientDisconnected, RequestAborted, RequestBodyError } from '../../src/interface/errors.ts';
import { type AsyncRingRequest, AsyncWorkerEnd, createMemory, GatewayEnd, ringLayout } from '../../src/rings/index.ts';
import { WORKER_BELL, WORKER_WORDS } from '../../src/rings/layout.ts';
import { runsOf } from '../fuzz/runs.ts';
import { checkBlock, ModelGateway, type Plan, planOf, responseHead, sends } from './model.ts';
import { decisions, plans, SMALL } from './plans.ts';
import { Choices, Killed, Stage } from './stage.ts';

const { parameters, timeout } = runsOf(150, 150);

/** One thread with an event loop: a turn when it is awake, and what its applications go on with. */
interface Thread {
  readonly worker: number;
  end: AsyncWorkerEnd;
  awake: boolean;
  dead: boolean;
  left: boolean;
  /** Counts the threads that had this index: what a dead one still waits for never comes. */
  life: number;
}

/** Actors take turns; in the middle of any turn of the gateway a worker may have one, and the other way round. */
class World {
  readonly layout = ringLayout({ ...SMALL, responseSize: 128, asyncWorkers: 2 });
  readonly memory = createMemory(this.layout);
  readonly gateway = new GatewayEnd(this.memory, this.layout);
  readonly model = new ModelGateway(this.gateway);
  readonly stage = new Stage(this.gateway.words);
  readonly choices: Choices;
  readonly plans: Plan[];
  readonly killed: number[] = [];
  readonly threads: Thread[];
  readonly failures: unknown[] = [];
  deaths = 0;
  /** Who runs, outermost first. */
  readonly #running: ('gateway' | Thread)[] = [];

  constructor(list: Plan[], choices: Choices) {
    this.plans = [...list];
    this.choices = choices;
    this.threads = [0, 1].map((worker) => {
      const thread: Partial<Thread> = { worker, awake: true, dead: false, left: false, life: 0 };
      thread.end = this.#start(thread as Thread);
      return thread as Thread;
    });
    this.stage.interleave = () => this.#interleave();
  }

  #start(thread: Thread): AsyncWorkerEnd {
    return new AsyncWorkerEnd(this.memory, this.layout, thread.worker, (request) => {
      this.#serve(thread, thread.life, request).catch((error) => this.failures.push(error));
    });
  }

  async run(): Promise<void> {
    try {
      while (!this.choices.spent) {
        this.#randomTurn();
        // Applications go on.
        if (this.choices.pick(2) === 0) await new Promise(setImmediate);
        this.#throwFailures();
      }
      for (let idle = 0, turns = 0; idle < 2; turns++) {
        idle = this.#settle() ? 0 : idle + 1;
        if (turns === 3000) throw new Error('never comes to rest');
        await new Promise(setImmediate);
        this.#throwFailures();
      }
    } finally {
      this.stage.close();
    }
  }

  #throwFailures(): void {
    if (this.failures.length > 0) throw this.failures[0];
  }

  /** Runs a piece of code as an actor; a death ends it. */
  #as<T>(actor: 'gateway' | Thread, step: () => T): T | undefined {
    this.#running.push(actor);
    try {
      const result = step();
      // A death may have been turned into a rejection on its way here.
      return actor !== 'gateway' && actor.dead ? undefined : result;
    } catch (error) {
      if (!(error instanceof Killed) || actor === 'gateway') throw error;
      return undefined;
    } finally {
      this.#running.pop();
    }
  }

  #interleave(): void {
    const actor = this.#running.at(-1);
    if (actor === undefined) return;
    if (actor !== 'gateway' && !actor.dead && this.choices.pick(80) === 1) {
      this.deaths++;
      actor.dead = true;
    }
    // Whatever catches it: a dead thread does nothing more.
    if (actor !== 'gateway' && actor.dead) throw new Killed();
    for (let steps = this.choices.pick(6); steps > 3; steps--) this.#randomTurn();
  }

  #randomTurn(): void {
    const { choices } = this;
    if (choices.pick(2) === 0) {
      this.#turn(this.threads[choices.pick(2)]);
    } else if (!this.#running.includes('gateway')) {
      this.#as('gateway', () => this.#randomStep());
    }
  }

  /** A turn of a worker's event loop. */
  #turn(thread: Thread): boolean {
    if (!thread.awake || thread.dead || thread.left || this.#running.includes(thread)) return false;
    this.#as(thread, () => {
      thread.end.poll();
      thread.left = thread.end.leaving;
      thread.awake = !thread.end.sleep(() => {
        thread.awake = true;
      });
    });
    return true;
  }

  /** A call of an application's. Of a dead thread none comes back. */
  #call<T>(thread: Thread, life: number, call: () => T): T | Promise<never> {
    if (thread.dead || thread.life !== life) return new Promise(() => {});
    const box = this.#as(thread, () => {
      const result = call();
      // Where the thread dies during the call, nobody is left to hear of the rejection.
      if (result instanceof Promise) result.catch(() => {});
      return { result };
    });
    return box === undefined ? new Promise(() => {}) : box.result;
  }

  async #serve(thread: Thread, life: number, request: AsyncRingRequest): Promise<void> {
    const plan = planOf(request);
    let reason: Error | null = null;
    request.onCancel = (error) => {
      expect(reason, 'cancelled twice').toBe(null);
      reason = error;
    };
    const call = async <T>(step: () => T | Promise<T>): Promise<T> => {
      // What a thread waited for when it died comes neither as a value nor as an error.
      const gone = () => thread.dead || thread.life !== life;
      try {
        const value = await this.#call(thread, life, step);
        return gone() ? await new Promise<never>(() => {}) : value;
      } catch (error) {
        if (gone()) await new Promise<never>(() => {});
        throw error;
      }
    };
    try {
      if (plan.readSize > 0) {
        let from = 0;
        for (;;) {
          const block = await call(() => request.read(plan.readSize));
          if (block === null) break;
          checkBlock(plan, block, from);
          from += block.length;
        }
        expect([from, plan.bodyEnding]).toEqual([plan.body, 'end']);
      }
      if (plan.ending === 'file') {
        const size = plan.id % 2 === 0 ? -1 : 2 ** 40 + plan.id;
        await call(() => request.sendFile(responseHead(plan), plan.id, size));
      } else {
        for (const [head, chunk, final] of sends(plan)) {
          await call(() => {
            const wait = request.send(head, chunk, final, chunk?.length ?? 0);
            // G-115: copied or handed over when the call returns.
            chunk?.fill(254);
            return wait;
          });
        }
        if (plan.ending === 'abort') await call(() => request.abort());
      }
    } catch (error) {
      if (error instanceof RequestBodyError) expect([plan.bodyEnding, error.status]).toEqual(['fail', 413]);
      else if (error instanceof RequestAborted) expect(plan.bodyEnding).toBe('abort');
      else if (error instanceof ClientDisconnected) expect(plan.bodyEnding).not.toBe('abort');
      else throw error;
    }
    await call(() => request.done());
  }

  #lost(thread: Thread): void {
    const ids = this.model.lost(thread.worker);
    this.killed.push(...ids);
    this.stage.forget(this.layout.worker + thread.worker * WORKER_WORDS + WORKER_BELL);
    thread.life++;
    thread.awake = true;
    thread.end = this.#start(thread);
    thread.dead = false;
  }

  #randomStep(): void {
    const slots = [...this.model.requests.keys()];
    const slot = slots.length === 0 ? -1 : slots[this.choices.pick(slots.length)];
    switch (this.choices.pick(10)) {
      case 0:
      case 1:
        this.#startRequest(this.choices.pick(2));
        break;
      case 2:
        if (slot >= 0) this.model.feed(slot, 1 + this.choices.pick(40));
        break;
      case 3:
        if (slot >= 0) this.model.acknowledge(slot, 1 + this.choices.pick(60));
        break;
      case 4:
        if (slot >= 0 && this.choices.pick(6) === 1) this.model.cancel(slot);
        break;
      case 5:
        this.model.drain();
        break;
      case 6:
        if (slot >= 0) this.model.closeFile(slot);
        break;
      case 7:
        this.#bury();
        break;
      case 8:
        this.model.freeBlocks(this.choices.pick(5));
        break;
      default:
        this.model.turn();
    }
  }

  #bury(): boolean {
    const thread = this.threads.find((one) => one.dead && !this.#running.includes(one));
    if (thread === undefined) return false;
    this.#lost(thread);
    return true;
  }

  #startRequest(worker: number): boolean {
    if (this.plans.length === 0 || !this.model.start(this.plans[0], worker)) return false;
    this.plans.shift();
    return true;
  }

  /** Does whatever there is to do; false when there is nothing. */
  #settle(): boolean {
    let moved = false;
    this.#as('gateway', () => {
      moved = this.#startRequest(0);
      moved = this.#bury() || moved;
      for (const slot of [...this.model.requests.keys()]) {
        if (this.model.feed(slot, 60)) moved = true;
        if (this.model.acknowledge(slot, 1000)) moved = true;
        if (this.model.closeFile(slot)) moved = true;
      }
      while (this.model.freeBlocks(0)) moved = true;
      moved = this.model.turn() || moved;
    });
    for (const thread of this.threads) moved = this.#turn(thread) || moved;
    return moved;
  }
}

test(
  'B-67 G-115 whatever the order of steps and deaths, every request of an event loop ends once and every slot comes back',
  async () => {
    let deaths = 0;
    await fc.assert(
      fc.asyncProperty(plans, decisions, async (list, choices) => {
        const world = new World(list, new Choices(choices));
        await world.run();
        deaths += world.deaths;
        const ids = [...world.model.finished.map((plan) => plan.id), ...world.killed].sort((a, b) => a - b);
        expect(ids).toEqual(list.map((plan) => plan.id));
        expect(world.gateway.available).toBe(world.layout.slots);
        expect(world.model.allBlocksFree, 'every block comes back').toBe(true);
        expect(world.threads.map((thread) => world.gateway.inFlight(thread.worker))).toEqual([0, 0]);
        expect(world.threads.map((thread) => thread.end.active)).toEqual([0, 0]);
        const end = world.layout.block + world.layout.blocks * world.layout.blockSize;
        expect(
          world.gateway.bytes.subarray(end).every((byte) => byte === 0),
          'nothing behind the rings',
        ).toBe(true);
      }),
      parameters,
    );
    expect(deaths, 'deaths in all runs').toBeGreaterThan(5);
  },
  timeout,
);
