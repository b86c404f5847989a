import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { HEAD_FIELD_COUNT, HEAD_FLAGS, HEAD_LENGTH, HEAD_RECORD, READ_AREA } from '../../assembly/layout.ts';
import { DONE, type Final } from '../../src/interface/transport.ts';
import { createMemory, GatewayEnd, type HeadMessage, type ResponseHandler, ringLayout } from '../../src/rings/index.ts';

function byteAt(seed: number, offset: number): number {
  return (seed * 31 + offset * 7 + (offset >> 8)) & 255;
}

interface Request {
  readonly seed: number;
  readonly body: number;
  readonly length: number;
  sent: number;
  waits: boolean;
  received: number;
  cancelled: boolean;
}

/** A gateway that keeps all slots busy, kills a worker now and then, and checks every byte. */
class Load implements ResponseHandler {
  readonly layout = ringLayout({
    slots: 24,
    syncWorkers: 2,
    asyncWorkers: 2,
    headSize: 256,
    bodySize: 4096,
    largeBodies: 4,
    largeBodySize: 16384,
    responseSize: 65536,
    window: 16384,
    blocks: 16,
    blockSize: 8192,
    blockWindow: 65536,
  });
  readonly memory = createMemory(this.layout);
  readonly gateway = new GatewayEnd(this.memory, this.layout);
  readonly requests = new Map<number, Request>();
  readonly workers: Worker[] = [];
  readonly until: number;
  finished = 0;
  given = 0;
  lost = 0;
  deaths = 0;
  bytes = 0;
  inBlocks = 0;
  ready = 0;
  #seed = 0;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(milliseconds: number) {
    this.until = Date.now() + milliseconds;
    for (let worker = 0; worker < this.layout.workers; worker++) this.#start(worker);
  }

  #start(worker: number): void {
    const { buffer } = this.memory;
    const thread = new Worker(new URL('./rings-worker.mjs', import.meta.url), {
      workerData: { buffer, layout: this.layout, worker },
    });
    this.workers[worker] = thread;
    thread.on('error', (error) => this.#reject(error));
    thread.on('exit', () => this.#exited(worker));
  }

  #exited(worker: number): void {
    const slots = this.gateway.workerLost(worker, this);
    // At the end the threads leave by themselves.
    if (this.#over) {
      if (slots.length > 0) this.#reject(new Error(`worker ${worker} left with requests`));
      return;
    }
    this.deaths++;
    for (const slot of slots) {
      this.lost++;
      this.requests.delete(slot);
      this.gateway.release(slot);
    }
    this.#start(worker);
    this.#turn();
  }

  get #over(): boolean {
    return Date.now() >= this.until && this.requests.size === 0;
  }

  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      const killer = setInterval(() => {
        if (Date.now() >= this.until) clearInterval(killer);
        else void this.workers[Math.floor(Math.random() * this.workers.length)].terminate();
      }, 150);
      this.#turn();
    });
  }

  #turn = (): void => {
    try {
      let fed: boolean;
      do {
        this.gateway.drain(this);
        if (Date.now() < this.until) this.#fill();
        fed = false;
        for (const slot of this.requests.keys()) fed = this.#feed(slot) || fed;
        this.gateway.flush();
      } while (fed || !this.gateway.arm(this.#turn));
      if (this.#over) this.#resolve();
    } catch (error) {
      this.#reject(error);
    }
  };

  #fill(): void {
    const { words, bytes } = this.gateway;
    for (let slot = this.gateway.acquire(); slot >= 0; slot = this.gateway.acquire()) {
      const seed = ++this.#seed;
      // Mostly small, some far larger than every ring.
      const body = seed % 3 === 0 ? 0 : seed % 17 === 0 ? 100_000 : seed % 500;
      const length = seed % 5 === 0 ? 0 : seed % 23 === 0 ? 300_000 : seed % 1000;
      const text = `${seed} ${body} ${length}`;
      bytes.latin1Write(text, READ_AREA, text.length);
      words[HEAD_RECORD / 4 + HEAD_LENGTH] = text.length;
      words[HEAD_RECORD / 4 + HEAD_FIELD_COUNT] = 0;
      words[HEAD_RECORD / 4 + HEAD_FLAGS] = 0;
      this.gateway.fill(slot, 0, 0, 'meta', READ_AREA);
      const request = { seed, body, length, sent: 0, waits: false, received: 0, cancelled: false };
      this.requests.set(slot, request);
      this.gateway.bodies.expect(slot, body);
      this.given++;
      if (seed % 2 === 0) this.gateway.dispatchSync(slot);
      else this.gateway.dispatchAsync(slot, this.gateway.inFlight(2) <= this.gateway.inFlight(3) ? 2 : 3);
      if (body === 0) this.gateway.endBody(slot);
    }
  }

  #feed(slot: number): boolean {
    const request = this.requests.get(slot)!;
    if (request.sent === request.body || request.waits || request.cancelled) return false;
    const length = Math.min(request.body - request.sent, 3000);
    for (let i = 0; i < length; i++) this.gateway.bytes[READ_AREA + i] = byteAt(request.seed + 1, request.sent + i);
    const taken = this.gateway.bodies.write(slot, READ_AREA, length);
    request.sent += taken;
    request.waits = taken < length || (request.sent < request.body && this.gateway.bodies.isFull(slot, 3000));
    if (request.sent === request.body) this.gateway.endBody(slot);
    if (request.seed % 51 === 0) {
      request.cancelled = true;
      this.gateway.cancel(slot);
    }
    return true;
  }

  head(slot: number, head: HeadMessage, start: number, chunk: number, final: Final): void {
    const request = this.requests.get(slot)!;
    const text = this.gateway.bytes.latin1Slice(head.textStart, head.textStart + head.textLength);
    if (head.length !== request.length || text !== `200 OK\r\nX-Seed: ${request.seed}\r\n`) {
      throw new Error(`slot ${slot}: a head of another request: ${text}`);
    }
    this.chunk(slot, start, chunk, final);
  }

  chunk(slot: number, start: number, chunk: number, final: Final): void {
    const request = this.requests.get(slot)!;
    for (let i = 0; i < chunk; i++) {
      if (this.gateway.bytes[start + i] !== byteAt(request.seed, request.received + i)) {
        throw new Error(`request ${request.seed}: a wrong byte at ${request.received + i}`);
      }
    }
    request.received += chunk;
    this.bytes += chunk;
    if (chunk > 0) this.gateway.grant(slot, chunk);
    if (final === DONE) {
      if (request.received !== request.length) throw new Error(`request ${request.seed}: ${request.received} bytes`);
      this.done(slot);
    }
  }

  blocks(...[slot, head, start, length, final, lent]: Parameters<ResponseHandler['blocks']>): void {
    this.inBlocks++;
    if (head === null) this.chunk(slot, start, length, final);
    else this.head(slot, head, start, length, final);
    // As a socket that takes them in a later turn.
    const before = Buffer.from(this.gateway.bytes.subarray(start, start + length));
    setImmediate(() => {
      if (!before.equals(this.gateway.bytes.subarray(start, start + length))) this.#reject(new Error('written over'));
      this.gateway.freeBlocks(lent);
    });
  }

  file(): void {
    throw new Error('no files here');
  }

  hint(): void {
    throw new Error('nobody hints here');
  }

  abort(): void {
    throw new Error('nothing is broken off here');
  }

  done(slot: number): void {
    this.requests.delete(slot);
    this.finished++;
    this.gateway.release(slot);
  }

  wantContinue(): void {}

  wantBody(slot: number): void {
    const request = this.requests.get(slot);
    if (request !== undefined) request.waits = false;
  }

  errors(): void {
    throw new Error('nobody writes errors');
  }

  note(): void {
    this.ready++;
  }

  async stop(): Promise<void> {
    const left = this.workers.map((thread) => new Promise((resolve) => thread.once('exit', resolve)));
    this.gateway.stop();
    await Promise.all(left);
  }
}

test('B-22 B-40 B-67 bodies and responses stay whole while workers are killed at random, and no slot is lost', async () => {
  const load = new Load(4000);
  await load.run();
  await load.stop();
  expect(load.gateway.available).toBe(load.layout.slots);
  expect(load.gateway.queueLength).toBe(0);
  expect(load.finished + load.lost).toBe(load.given);
  expect(load.deaths).toBeGreaterThan(5);
  expect(load.ready).toBeGreaterThan(5);
  expect(load.finished).toBeGreaterThan(load.lost);
  expect(load.bytes).toBeGreaterThan(1_000_000);
  expect(load.inBlocks).toBeGreaterThan(10);
  const { blockOwner, blocks } = load.layout;
  expect(load.gateway.words.subarray(blockOwner, blockOwner + blocks).every((owner) => owner === 0)).toBe(true);
});
