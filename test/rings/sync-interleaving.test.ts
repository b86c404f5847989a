import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClientDisconnected, RequestAborted, RequestBodyError } from '../../src/interface/errors.ts';
import { createMemory, GatewayEnd, ringLayout, type SyncRingRequest, SyncWorkerEnd } from '../../src/rings/index.ts';
import { GATEWAY_THREAD, QUEUE_WAKE } from '../../src/rings/layout.ts';
import { runsOf } from '../fuzz/runs.ts';
import { checkBlock, ModelGateway, type Plan, planOf, responseHead, sends } from './model.ts';
import { decisions, plans, SMALL } from './plans.ts';
import { Choices, Killed, Stage } from './stage.ts';

const { parameters, timeout } = runsOf(200, 150);

/** Worker 1 has nothing to do and gets off the stack. */
class Idle extends Error {}

/**
 * Worker 0 is at the bottom of the stack. At any of its Atomics calls the gateway may take steps and worker 1 may run;
 * at any of the gateway's, worker 1 may. Either worker may die at any of its own.
 */
class World {
  readonly layout = ringLayout({ ...SMALL, syncWorkers: 2 });
  readonly memory = createMemory(this.layout);
  readonly gateway = new GatewayEnd(this.memory, this.layout);
  readonly model = new ModelGateway(this.gateway);
  readonly stage = new Stage(this.gateway.words);
  readonly choices: Choices;
  readonly plans: Plan[];
  readonly killed: number[] = [];
  readonly serving: (Plan | null)[] = [null, null];
  deaths = 0;
  #actor: 'gateway' | 0 | 1 = 0;
  #gatewayBusy = false;
  #otherBusy = false;
  #otherDead = false;
  #other: SyncWorkerEnd;
  #stopped = false;

  constructor(list: Plan[], choices: Choices) {
    this.plans = [...list];
    this.choices = choices;
    // The check that a worker does not block its gateway would see one and the same thread here.
    this.gateway.words[this.layout.control + GATEWAY_THREAD] = 0;
    this.#other = new SyncWorkerEnd(this.memory, this.layout, 1);
    this.stage.interleave = () => this.#interleave();
    this.stage.advance = (index) => this.#advance(index);
  }

  run(): void {
    try {
      for (;;) {
        try {
          const end = new SyncWorkerEnd(this.memory, this.layout, 0);
          for (let request = end.take(); request !== null; request = end.take()) this.serve(0, request);
          break;
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
          this.asGateway(() => this.#lost(0));
        }
      }
      while (this.asGateway(() => this.#settle())) {}
    } finally {
      this.stage.close();
    }
  }

  serve(worker: 0 | 1, request: SyncRingRequest): void {
    const plan = planOf(request);
    this.serving[worker] = plan;
    try {
      this.#application(plan, request);
    } catch (error) {
      if (error instanceof RequestBodyError) expect([plan.bodyEnding, error.status]).toEqual(['fail', 413]);
      else if (error instanceof RequestAborted) expect(plan.bodyEnding).toBe('abort');
      else if (error instanceof ClientDisconnected) expect(plan.bodyEnding).not.toBe('abort');
      else throw error;
      if (!(error instanceof RequestBodyError)) expect(request.disconnected()).toBe(true);
    }
    request.done();
    this.serving[worker] = null;
  }

  #application(plan: Plan, request: SyncRingRequest): void {
    if (plan.readSize > 0) {
      let from = 0;
      for (let block = request.read(plan.readSize); block !== null; block = request.read(plan.readSize)) {
        checkBlock(plan, block, from);
        from += block.length;
      }
      expect([from, plan.bodyEnding]).toEqual([plan.body, 'end']);
      expect(request.read(1)).toBe(null);
    }
    if (plan.ending === 'file') {
      request.sendFile(responseHead(plan), plan.id, plan.id % 2 === 0 ? -1 : 2 ** 40 + plan.id);
      return;
    }
    for (const [head, chunk, final] of sends(plan)) request.send(head, chunk, final, chunk?.length ?? 0);
    if (plan.ending === 'abort') request.abort();
  }

  asGateway<T>(step: () => T): T {
    const actor = this.#actor;
    this.#actor = 'gateway';
    this.#gatewayBusy = true;
    try {
      return step();
    } finally {
      this.#actor = actor;
      this.#gatewayBusy = false;
    }
  }

  #interleave(): void {
    if (this.choices.spent) return;
    if (this.#actor === 'gateway') {
      if (this.choices.pick(6) === 1) this.#runOther();
      return;
    }
    switch (this.choices.pick(7)) {
      case 1:
      case 2:
        // More than one: the end of a body right behind its last bytes.
        for (let steps = this.choices.pick(3); steps >= 0 && !this.#gatewayBusy; steps--) {
          this.asGateway(() => this.#randomStep());
        }
        break;
      case 3:
        this.#runOther();
        break;
      case 4:
        if (this.choices.pick(12) === 1) {
          this.deaths++;
          throw new Killed();
        }
    }
  }

  #advance(index: number): boolean {
    if (this.#actor === 1) {
      // Idle, or at the mercy of a gateway that is in the middle of something: only death gets it off the stack.
      if (index === this.layout.control + QUEUE_WAKE) throw new Idle();
      if (this.#gatewayBusy) throw new Killed();
    }
    if (!this.choices.spent) {
      this.asGateway(() => this.#randomStep());
      if (this.choices.pick(3) === 1) this.#runOther();
      return true;
    }
    if (this.asGateway(() => this.#settle())) return true;
    // Worker 0, further down, may be on its way to wake the gateway: no proof of a lost wake-up.
    if (this.#actor === 1) throw new Killed();
    if (this.#stopped || this.model.requests.size > 0) return false;
    this.#stopped = true;
    this.asGateway(() => this.gateway.stop());
    return true;
  }

  #runOther(): void {
    if (this.#otherBusy || this.#otherDead) return;
    const actor = this.#actor;
    this.#actor = 1;
    this.#otherBusy = true;
    try {
      const request = this.#other.take();
      if (request !== null) this.serve(1, request);
    } catch (error) {
      if (error instanceof Killed) this.#otherDead = true;
      else if (!(error instanceof Idle)) throw error;
    } finally {
      this.#actor = actor;
      this.#otherBusy = false;
    }
  }

  #lost(worker: 0 | 1): void {
    const plan = this.serving[worker];
    this.serving[worker] = null;
    const ids = this.model.lost(worker);
    // Either what it had sent contained the end of its request, or that request is given back.
    if (plan !== null && !this.model.finished.some(({ id }) => id === plan.id)) expect(ids).toEqual([plan.id]);
    // It may also have died between its claim and the first look at the request.
    expect(ids.length).toBeLessThanOrEqual(1);
    this.killed.push(...ids);
  }

  #randomStep(): void {
    const slots = [...this.model.requests.keys()];
    const slot = slots.length === 0 ? -1 : slots[this.choices.pick(slots.length)];
    switch (this.choices.pick(11)) {
      case 0:
      case 1:
        this.#start();
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
        this.gateway.flush();
        break;
      case 7:
        if (slot >= 0) this.model.closeFile(slot);
        break;
      case 8:
        if (this.#otherDead && !this.#otherBusy) this.#bury();
        break;
      case 9:
        this.model.freeBlocks(this.choices.pick(5));
        break;
      default:
        this.model.turn();
    }
  }

  #bury(): void {
    this.#lost(1);
    this.#other = new SyncWorkerEnd(this.memory, this.layout, 1);
    this.#otherDead = false;
  }

  #start(): boolean {
    if (this.plans.length === 0 || !this.model.start(this.plans[0], -1)) return false;
    this.plans.shift();
    return true;
  }

  /** Does whatever there is to do; false when there is nothing. */
  #settle(): boolean {
    let moved = this.#start();
    if (this.#otherDead && !this.#otherBusy) {
      this.#bury();
      moved = true;
    }
    for (const slot of [...this.model.requests.keys()]) {
      if (this.model.feed(slot, 60)) moved = true;
      if (this.model.acknowledge(slot, 1000)) moved = true;
      if (this.model.closeFile(slot)) moved = true;
    }
    while (this.model.freeBlocks(0)) moved = true;
    return this.model.turn() || moved;
  }
}

test(
  'B-22 B-67 whatever the order of steps and deaths, every request ends once with its own bytes and every slot comes back',
  () => {
    let deaths = 0;
    fc.assert(
      fc.property(plans, decisions, (list, choices) => {
        const world = new World(list, new Choices(choices));
        world.run();
        deaths += world.deaths;
        const ids = [...world.model.finished.map((plan) => plan.id), ...world.killed].sort((a, b) => a - b);
        expect(ids).toEqual(list.map((plan) => plan.id));
        expect(world.gateway.available).toBe(world.layout.slots);
        expect(world.model.allBlocksFree, 'every block comes back').toBe(true);
        expect(world.gateway.queueLength).toBe(0);
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
