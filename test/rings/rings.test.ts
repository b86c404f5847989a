import { afterEach, expect, test } from 'vitest';
import {
  HEAD_FIELD_COUNT,
  HEAD_FLAGS,
  HEAD_LENGTH,
  HEAD_METHOD_LENGTH,
  HEAD_RECORD,
  HEAD_TARGET_LENGTH,
  HEAD_TARGET_START,
  PARSER_END,
  READ_AREA,
} from '../../assembly/layout.ts';
import { ClientDisconnected, RequestAborted } from '../../src/interface/errors.ts';
import { DONE, END, MORE } from '../../src/interface/transport.ts';
import {
  type AsyncRingRequest,
  AsyncWorkerEnd,
  createMemory,
  GatewayEnd,
  type LentBlocks,
  type ResponseHandler,
  type RingLayout,
  type RingParameters,
  ringLayout,
  type SyncRingRequest,
  SyncWorkerEnd,
} from '../../src/rings/index.ts';
import { GATEWAY_THREAD, OWNER, QUEUE_HEAD, QUEUE_WAKE } from '../../src/rings/layout.ts';
import { detach } from '../detach.ts';
import { Killed, Stage } from './stage.ts';

const SMALL = {
  slots: 2,
  headSize: 64,
  maxFields: 2,
  connectionSize: 8,
  bodySize: 16,
  largeBodies: 1,
  largeBodySize: 64,
  responseSize: 256,
  window: 32,
};

/** Writes down what the gateway hears. */
class Recorder implements ResponseHandler {
  readonly calls: unknown[][] = [];
  readonly lent: LentBlocks[] = [];
  readonly gateway: GatewayEnd;

  constructor(gateway: GatewayEnd) {
    this.gateway = gateway;
  }

  #text(start: number, length: number): string {
    return this.gateway.bytes.latin1Slice(start, start + length);
  }

  head(...[slot, { status, textStart, textLength }, start, chunk, final]: Parameters<ResponseHandler['head']>): void {
    this.calls.push(['head', slot, status, this.#text(textStart, textLength), this.#text(start, chunk), final]);
    if (final === DONE) this.gateway.release(slot);
  }

  chunk(slot: number, start: number, chunk: number, final: number): void {
    this.calls.push(['chunk', slot, this.#text(start, chunk), final]);
    if (final === DONE) this.gateway.release(slot);
  }

  blocks(...[slot, head, start, length, final, lent]: Parameters<ResponseHandler['blocks']>): void {
    this.calls.push(['blocks', slot, head?.status, this.#text(start, length), final, lent.first, lent.count]);
    this.lent.push(lent);
    if (final === DONE) this.gateway.release(slot);
  }

  file(slot: number): void {
    this.calls.push(['file', slot]);
  }

  hint(slot: number, start: number, text: number): void {
    this.calls.push(['hint', slot, this.#text(start, text)]);
  }

  abort(slot: number): void {
    this.calls.push(['abort', slot]);
  }

  done(slot: number): void {
    this.calls.push(['done', slot]);
    this.gateway.release(slot);
  }

  wantContinue(slot: number): void {
    this.calls.push(['wantContinue', slot]);
  }

  wantBody(slot: number): void {
    this.calls.push(['wantBody', slot]);
  }

  errors(slot: number, start: number, length: number): void {
    this.calls.push(['errors', slot, this.#text(start, length)]);
  }

  note(worker: number, code: number, text: string): void {
    this.calls.push(['note', worker, code, text]);
  }
}

let stage: Stage | null = null;
afterEach(() => {
  stage?.close();
  stage = null;
});

function setUp(parameters: RingParameters) {
  const layout = ringLayout({ ...SMALL, ...parameters });
  const memory = createMemory(layout);
  const gateway = new GatewayEnd(memory, layout);
  // The workers of these tests run on the gateway's thread, with waits that are played.
  gateway.words[layout.control + GATEWAY_THREAD] = 0;
  const recorder = new Recorder(gateway);
  const acquire = (text = 'GET /', meta = 'meta', flags = 0) => {
    gateway.bytes.latin1Write(text, READ_AREA, text.length);
    gateway.words[HEAD_RECORD / 4 + HEAD_LENGTH] = text.length;
    gateway.words[HEAD_RECORD / 4 + HEAD_FIELD_COUNT] = 0;
    gateway.words[HEAD_RECORD / 4 + HEAD_FLAGS] = flags;
    gateway.words[HEAD_RECORD / 4 + HEAD_METHOD_LENGTH] = text.indexOf(' ');
    gateway.words[HEAD_RECORD / 4 + HEAD_TARGET_START] = text.indexOf(' ') + 1;
    gateway.words[HEAD_RECORD / 4 + HEAD_TARGET_LENGTH] = text.length - text.indexOf(' ') - 1;
    const slot = gateway.acquire();
    gateway.fill(slot, 3, 4, meta, READ_AREA);
    return slot;
  };
  stage = new Stage(gateway.words);
  return { layout, memory, gateway, recorder, acquire, stage };
}

const head = (text = '200 OK\r\n') => ({ status: 200, text, length: -1, flags: 0 });
const bytes = (text: string) => Buffer.from(text, 'latin1');

test('the regions of the layout follow each other without overlap, from the end of the parser on', () => {
  const layout = ringLayout({ slots: 5, syncWorkers: 3, asyncWorkers: 2 });
  const order = [
    PARSER_END / 4,
    layout.control,
    layout.queue,
    layout.queue + layout.queueSize,
    layout.worker,
    layout.inbox,
    layout.inbox + 2 * layout.inboxSize,
    layout.blockOwner,
    layout.blockOwner + layout.blocks,
    layout.slot,
    layout.slot + 5 * layout.slotWords,
    layout.largeBody / 4,
    layout.largeBody / 4 + (layout.largeBodies * layout.largeBodySize) / 4,
    layout.response / 4,
    layout.response / 4 + (5 * layout.responseSize) / 4,
    layout.block / 4,
    layout.block / 4 + (layout.blocks * layout.blockSize) / 4,
    layout.byteLength / 4,
  ];
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(layout.body + layout.bodySize).toBeLessThanOrEqual(layout.slotWords * 4);
  for (const index of [layout.control, layout.worker, layout.slot, layout.slotWords]) expect(index % 16).toBe(0);
  expect(structuredClone(layout)).toEqual(layout);
});

test('G-148 a request is taken out of the queue only while no worker has it, and those behind it move up', () => {
  const { gateway, acquire, memory, layout } = setUp({ syncWorkers: 1, slots: 3 });
  const [first, second, third] = [acquire('GET /1'), acquire('GET /2'), acquire('GET /3')];
  for (const slot of [first, second, third]) gateway.dispatchSync(slot);
  const worker = new SyncWorkerEnd(memory, layout, 0);
  expect(worker.take()?.slot).toBe(first);
  expect([gateway.withdraw(first), gateway.withdraw(second), gateway.withdraw(second)]).toEqual([false, true, false]);
  expect(gateway.release(second)).toBe(-1);
  // The slot is used again, and queued behind.
  const again = acquire('GET /4');
  expect(again).toBe(second);
  gateway.dispatchSync(again);
  expect([worker.take()?.slot, worker.take()?.slot]).toEqual([third, again]);
  expect(gateway.queueLength).toBe(0);
});

test('G-148 a request that is taken out of the queue at any moment of its claim is either the one or the other', () => {
  const outcomes = new Set<boolean>();
  for (let moment = 0; moment < 12; moment++) {
    const { gateway, acquire, memory, layout, stage } = setUp({ syncWorkers: 1, slots: 2 });
    const [first, second] = [acquire('GET /1'), acquire('GET /2')];
    for (const slot of [first, second]) gateway.dispatchSync(slot);
    const worker = new SyncWorkerEnd(memory, layout, 0);
    let calls = 0;
    let withdrawn = false;
    stage.interleave = () => {
      if (calls++ === moment) withdrawn = gateway.withdraw(first);
    };
    const taken = worker.take()?.slot;
    stage.interleave = () => {};
    expect(taken).toBe(withdrawn ? second : first);
    outcomes.add(withdrawn);
    stage.close();
  }
  expect(outcomes.size).toBe(2);
});

test('a parameter that does not fit is named', () => {
  expect(() => ringLayout({ slots: 0 })).toThrow(/slots/);
  expect(() => ringLayout({ bodySize: 1000 })).toThrow(/bodySize.*power of two/);
  expect(() => ringLayout({ largeBodySize: 100_000 })).toThrow(/largeBodySize.*power of two/);
  expect(() => ringLayout({ responseSize: 1000 })).toThrow(/responseSize.*power of two/);
  expect(() => ringLayout({ window: 2 ** 21 })).toThrow(/window/);
  expect(() => ringLayout({ syncWorkers: 1000, responseSize: 2 ** 24 })).toThrow(/4 GiB/);
});

test('a head or a text about the connection larger than the layout allows is refused', () => {
  const { acquire } = setUp({ syncWorkers: 1 });
  expect(() => acquire('G'.repeat(65))).toThrow(RangeError);
  expect(() => acquire('GET /', 'm'.repeat(9))).toThrow(RangeError);
});

test('the slot released last is used first, and none is given away twice', () => {
  const { gateway, acquire, memory, layout, recorder } = setUp({ syncWorkers: 1 });
  const [first, second] = [acquire(), acquire()];
  expect(gateway.acquire()).toBe(-1);
  gateway.dispatchSync(first);
  gateway.dispatchSync(second);
  const worker = new SyncWorkerEnd(memory, layout, 0);
  for (const slot of [first, second]) {
    const request = worker.take()!;
    expect([request.slot, request.text(), request.mount, request.flags]).toEqual([slot, 'metaGET /', 3, 4]);
    expect(gateway.owner(slot)).toBe(0);
    expect(gateway.request(slot)).toEqual({ method: 'GET', target: '/', mount: 3 });
    request.send(head(), bytes('body'), DONE, 4);
  }
  expect(gateway.drain(recorder)).toBe(2);
  expect(recorder.calls[1]).toEqual(['head', second, 200, '200 OK\r\n', 'body', DONE]);
  expect([gateway.acquire(), gateway.acquire(), gateway.acquire()]).toEqual([second, first, -1]);
});

test('B-23 a wait on the thread of the gateway throws instead of hanging', () => {
  const { gateway, memory, layout } = setUp({ syncWorkers: 1 });
  new GatewayEnd(memory, layout);
  const worker = new SyncWorkerEnd(memory, layout, 0);
  expect(() => worker.take()).toThrow(/B-23/);
  expect(gateway.available).toBe(2);
});

test('B-67 an application that keeps its request changes nothing and sees nothing once that is over', async () => {
  const { gateway, memory, layout, acquire, recorder } = setUp({ syncWorkers: 1, asyncWorkers: 1 });
  const requests: (SyncRingRequest | AsyncRingRequest)[] = [];
  const slots = [acquire('SYNC'), acquire('ASYNC')];
  for (const slot of slots) gateway.endBody(slot);
  gateway.dispatchSync(slots[0]);
  gateway.dispatchAsync(slots[1], 1);
  const sync = new SyncWorkerEnd(memory, layout, 0);
  requests.push(sync.take()!);
  const loop = new AsyncWorkerEnd(memory, layout, 1, (request) => requests.push(request));
  loop.poll();
  for (const request of requests) void request.send(head(), null, DONE, 0);
  expect(gateway.drain(recorder)).toBe(2);
  for (const slot of [acquire('OTHER'), acquire('OTHER')]) gateway.bodies.writeFrom(slot, bytes('secret'));
  for (const request of requests) {
    expect(() => request.text()).toThrow(RequestAborted);
    await expect(async () => request.read(10)).rejects.toThrow(RequestAborted);
    expect(request.disconnected()).toBe(true);
    await request.send(head(), bytes('late'), DONE, 4);
    request.abort();
    request.done();
  }
  expect(gateway.drain(recorder)).toBe(0);
});

test('B-67 the task of a worker that was replaced neither writes into the ring of its successor nor reads from its slots', async () => {
  const { gateway, memory, layout, acquire, recorder } = setUp({ asyncWorkers: 1 });
  const taken: AsyncRingRequest[] = [];
  const old = new AsyncWorkerEnd(memory, layout, 0, (request) => taken.push(request));
  const slot = acquire();
  gateway.dispatchAsync(slot, 0);
  old.poll();
  expect(gateway.workerLost(0, recorder)).toEqual([slot]);
  gateway.release(slot);
  expect(gateway.bodies.writeFrom(acquire('OTHER'), bytes('secret'))).toBe(6);
  expect(() => taken[0].text()).toThrow(RequestAborted);
  await expect(taken[0].read(10)).rejects.toThrow(RequestAborted);
  expect(taken[0].disconnected()).toBe(true);
  expect(() => taken[0].send(head(), null, DONE, 0)).toThrow('replaced');
  expect(gateway.drain(recorder)).toBe(0);
});

test('a slot of a dead worker rests until it is released: its successor hears nothing of it', () => {
  const { gateway, memory, layout, acquire, recorder } = setUp({ asyncWorkers: 1 });
  const slot = acquire();
  gateway.dispatchAsync(slot, 0);
  new AsyncWorkerEnd(memory, layout, 0, () => {}).poll();
  expect(gateway.workerLost(0, recorder)).toEqual([slot]);
  gateway.cancel(slot);
  gateway.grant(slot, 1);
  gateway.flush();
  new AsyncWorkerEnd(memory, layout, 0, () => expect.unreachable()).poll();
  expect(gateway.drain(recorder)).toBe(0);
  expect(gateway.workerLost(0, recorder)).toEqual([]);
  expect([gateway.available, gateway.inFlight(0)]).toEqual([1, 0]);
  gateway.release(slot);
  expect([gateway.available, gateway.inFlight(0)]).toEqual([2, 0]);
});

test('a response head that is larger than half the ring is refused, one that just fits is sent', () => {
  const { gateway, memory, layout, acquire, recorder } = setUp({ syncWorkers: 1 });
  gateway.dispatchSync(acquire());
  const request = new SyncWorkerEnd(memory, layout, 0).take()!;
  const most = layout.responseSize / 2 - 32 - 8 - 1;
  expect(() => request.send(head('x'.repeat(most + 1)), null, MORE, 0)).toThrow(RangeError);
  request.send(head('x'.repeat(most)), bytes('abcdefghijklmnop'), END, 16);
  gateway.drain(recorder);
  expect(recorder.calls).toEqual([
    ['head', request.slot, 200, 'x'.repeat(most), 'abcdefghi', MORE],
    ['chunk', request.slot, 'jklmnop', END],
  ]);
});

test('G-63 the end of a body never overtakes its last bytes, whenever they arrive', () => {
  for (let step = 0; ; step++) {
    const { gateway, memory, layout, acquire, stage } = setUp({ syncWorkers: 1 });
    const slot = acquire();
    gateway.dispatchSync(slot);
    const request = new SyncWorkerEnd(memory, layout, 0).take()!;
    let calls = 0;
    const arrive = () => {
      stage.interleave = () => {};
      gateway.bodies.writeFrom(slot, bytes('last'));
      gateway.endBody(slot);
      gateway.flush();
    };
    stage.interleave = () => {
      if (calls++ === step) arrive();
    };
    stage.advance = () => {
      arrive();
      return true;
    };
    expect(Buffer.from(request.read(10)!).toString()).toBe('last');
    expect(request.read(10)).toBe(null);
    stage.close();
    if (calls <= step) return;
  }
});

test('room in the body ring is either used at once or announced, whenever the worker makes it', () => {
  for (let step = 0; ; step++) {
    const { gateway, memory, layout, acquire, stage, recorder } = setUp({ syncWorkers: 1 });
    const slot = acquire();
    gateway.dispatchSync(slot);
    const request = new SyncWorkerEnd(memory, layout, 0).take()!;
    expect(gateway.bodies.writeFrom(slot, bytes('sixteen bytes ..'))).toBe(16);
    let calls = 0;
    stage.interleave = () => {
      if (calls++ !== step) return;
      stage.interleave = () => {};
      expect(request.read(16)?.length).toBe(16);
    };
    const taken = gateway.bodies.writeFrom(slot, bytes('further'));
    stage.interleave = () => {};
    if (calls <= step) {
      expect([taken, request.read(16)?.length]).toEqual([0, 16]);
      gateway.drain(recorder);
      expect(recorder.calls).toEqual([['wantBody', slot]]);
      return;
    }
    gateway.drain(recorder);
    expect(taken === 7 || recorder.calls.length === 1).toBe(true);
    stage.close();
  }
});

test('a body ring that is nearly full is announced when it has room, whenever the worker makes that', () => {
  for (let step = 0; ; step++) {
    const { gateway, memory, layout, acquire, stage, recorder } = setUp({ syncWorkers: 1 });
    const slot = acquire();
    gateway.dispatchSync(slot);
    const request = new SyncWorkerEnd(memory, layout, 0).take()!;
    expect(gateway.bodies.writeFrom(slot, bytes('ten bytes.'))).toBe(10);
    let calls = 0;
    stage.interleave = () => {
      if (calls++ !== step) return;
      stage.interleave = () => {};
      expect(request.read(16)?.length).toBe(10);
    };
    const full = gateway.bodies.isFull(slot, 1000);
    stage.interleave = () => {};
    if (calls <= step) {
      expect([full, request.read(16)?.length]).toEqual([true, 10]);
      gateway.drain(recorder);
      expect(recorder.calls).toEqual([['wantBody', slot]]);
      return;
    }
    gateway.drain(recorder);
    expect(!full || recorder.calls.length === 1).toBe(true);
    stage.close();
  }
});

test('a larger body has a larger ring as long as there is one, and gives it back', () => {
  const { gateway, memory, layout, acquire } = setUp({ slots: 3, syncWorkers: 1, asyncWorkers: 1 });
  const worker = new SyncWorkerEnd(memory, layout, 0);
  const text = 'x'.repeat(100);
  const takenOf = (length: number) => {
    const slot = acquire();
    gateway.bodies.expect(slot, length);
    gateway.dispatchSync(slot);
    return [slot, gateway.bodies.writeFrom(slot, bytes(text))];
  };
  const [small, ...taken] = takenOf(16);
  expect(taken).toEqual([16]);
  const [large, most] = takenOf(17);
  expect(most).toBe(64);
  const [late, less] = takenOf(-1);
  expect(less).toBe(16);
  const read = [small, large, late].map(() => Buffer.from(worker.take()?.read(1000) ?? []).toString());
  expect(read).toEqual([16, 64, 16].map((length) => text.slice(0, length)));
  gateway.release(large);
  expect(takenOf(-1)[1]).toBe(64);
});

test('B-67 a larger ring that its request has given back is not read by whoever keeps that request', () => {
  const { gateway, memory, layout, acquire, recorder } = setUp({ syncWorkers: 1 });
  const worker = new SyncWorkerEnd(memory, layout, 0);
  const first = acquire();
  gateway.bodies.expect(first, -1);
  gateway.dispatchSync(first);
  const kept = worker.take()!;
  kept.done();
  gateway.drain(recorder);
  const second = acquire('OTHER');
  gateway.bodies.expect(second, -1);
  gateway.bodies.writeFrom(second, bytes('secret'));
  expect(() => kept.read(10)).toThrow(RequestAborted);
});

test('no message is lost to a gateway that goes to sleep, whenever it is published', () => {
  for (let step = 0; ; step++) {
    const { gateway, memory, layout, acquire, stage, recorder } = setUp({ syncWorkers: 1 });
    gateway.dispatchSync(acquire());
    const request = new SyncWorkerEnd(memory, layout, 0).take()!;
    let calls = 0;
    let woken = false;
    stage.interleave = () => {
      if (calls++ !== step) return;
      stage.interleave = () => {};
      request.send(head(), null, DONE, 0);
    };
    const sleeping = gateway.arm(() => {
      woken = true;
    });
    if (calls <= step) {
      expect(sleeping).toBe(true);
      stage.close();
      return;
    }
    expect(!sleeping || woken).toBe(true);
    expect(gateway.drain(recorder)).toBe(1);
    stage.close();
  }
});

test('B-40 a worker that dies at any step takes neither a queued request nor the wake-up for it along', () => {
  for (let step = 0; ; step++) {
    const { gateway, memory, layout, acquire, recorder, stage } = setUp({ syncWorkers: 2 });
    const slots = [acquire(), acquire()];
    gateway.dispatchSync(slots[0]);
    gateway.dispatchSync(slots[1]);
    gateway.flush();
    // Worker 1 sleeps, and both notifications went to worker 0 for all it knows.
    let woken = false;
    const wake = layout.control + QUEUE_WAKE;
    const wait = Atomics.waitAsync(gateway.words, wake, gateway.words[wake]);
    expect(wait.async).toBe(true);
    if (wait.async) {
      void wait.value.then(() => {
        woken = true;
      });
    }
    let calls = 0;
    stage.interleave = () => {
      if (calls++ === step) throw new Killed();
    };
    let died = false;
    try {
      new SyncWorkerEnd(memory, layout, 0).take()!.send(head(), null, DONE, 0);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      died = true;
    }
    stage.interleave = () => {};
    const lost = gateway.workerLost(0, recorder);
    // Given back, answered, or still in the queue.
    const queued = slots.filter((slot) => gateway.words[layout.slot + slot * layout.slotWords + OWNER] < 0);
    expect(lost.length + recorder.calls.length + queued.length).toBe(2);
    expect(gateway.queueLength).toBe(queued.length);
    expect(woken).toBe(true);
    const successor = new SyncWorkerEnd(memory, layout, 0);
    for (const slot of queued) expect(successor.take()?.slot).toBe(slot);
    stage.close();
    if (!died) return;
  }
});

test('an entry that was read too late claims nothing and moves nothing', () => {
  const { gateway, memory, layout, acquire, recorder, stage } = setUp({ syncWorkers: 2 });
  const other = new SyncWorkerEnd(memory, layout, 1);
  const slot = acquire();
  gateway.dispatchSync(slot);
  // Between worker 0's look at the entry and its exchange of OWNER, the request ends and the slot is queued again.
  let calls = 0;
  stage.interleave = () => {
    if (calls++ !== 5) return;
    stage.interleave = () => {};
    other.take()!.send(head(), null, DONE, 0);
    gateway.drain(recorder);
    expect(acquire('SECOND')).toBe(slot);
    gateway.dispatchSync(slot);
  };
  const request = new SyncWorkerEnd(memory, layout, 0).take()!;
  expect(calls).toBe(6);
  expect(request.text()).toBe('metaSECOND');
  expect(gateway.words[layout.control + QUEUE_HEAD]).toBe(2);
});

test('G-67 the first read that must wait asks for the body that the client holds back, once', () => {
  const { gateway, memory, layout, acquire, recorder, stage } = setUp({ syncWorkers: 1 });
  const slot = acquire('PUT /', 'meta', 8);
  gateway.dispatchSync(slot);
  const request = new SyncWorkerEnd(memory, layout, 0).take()!;
  let text = 'ab';
  stage.advance = () => {
    gateway.drain(recorder);
    gateway.bodies.writeFrom(slot, bytes(text));
    gateway.flush();
    text = 'cd';
    return true;
  };
  for (const expected of ['ab', 'cd']) expect(Buffer.from(request.read(9)!).toString()).toBe(expected);
  gateway.drain(recorder);
  expect(recorder.calls).toEqual([['wantContinue', slot]]);
});

test('B-37 a request that is cancelled in the queue is not given to an application', () => {
  const { gateway, memory, layout, acquire, recorder } = setUp({ syncWorkers: 1, asyncWorkers: 1 });
  const [first, second] = [acquire('FIRST'), acquire('SECOND')];
  gateway.dispatchSync(first);
  gateway.cancel(first);
  gateway.dispatchAsync(second, 1);
  gateway.cancel(second);
  gateway.retire(1);
  new AsyncWorkerEnd(memory, layout, 1, () => expect.unreachable()).poll();
  gateway.drain(recorder);
  gateway.dispatchSync(acquire('THIRD'));
  expect(new SyncWorkerEnd(memory, layout, 0).take()!.text()).toBe('metaTHIRD');
  gateway.drain(recorder);
  expect(recorder.calls).toEqual([
    ['done', second],
    ['done', first],
  ]);
});

test('B-38 the first send after a disconnect throws, later chunks are discarded without error', async () => {
  const { gateway, memory, layout, acquire, recorder } = setUp({ syncWorkers: 1, asyncWorkers: 1 });
  const [first, second] = [acquire(), acquire()];
  gateway.dispatchSync(first);
  gateway.dispatchAsync(second, 1);
  const request = new SyncWorkerEnd(memory, layout, 0).take()!;
  let asyncRequest: AsyncRingRequest | undefined;
  const loop = new AsyncWorkerEnd(memory, layout, 1, (taken) => {
    asyncRequest = taken;
  });
  loop.poll();
  const reasons: Error[] = [];
  asyncRequest!.onCancel = (reason) => reasons.push(reason);
  gateway.cancel(first);
  gateway.cancel(second);
  gateway.flush();
  loop.poll();
  expect(reasons).toEqual([expect.any(ClientDisconnected)]);
  expect(() => request.send(head(), bytes('x'), MORE, 1)).toThrow(ClientDisconnected);
  request.send(head(), bytes('x'), MORE, 1);
  await expect(asyncRequest!.send(head(), bytes('x'), MORE, 1)).rejects.toThrow(ClientDisconnected);
  await asyncRequest!.send(head(), bytes('x'), MORE, 1);
  request.done();
  asyncRequest!.done();
  gateway.drain(recorder);
  expect(recorder.calls.map((call) => call[0])).toEqual(['done', 'done']);
});

test('B-22 a stop ends the waits for a body, for credit, for room and for a request', async () => {
  const waits: ((request: SyncRingRequest) => void)[] = [
    (request) => request.read(1),
    (request) => request.send(head(), Buffer.alloc(33), MORE, 33),
    (request) => request.sendFile(head(), 1, -1),
  ];
  for (const wait of waits) {
    const { gateway, memory, layout, acquire, stage } = setUp({ syncWorkers: 1 });
    gateway.dispatchSync(acquire());
    const worker = new SyncWorkerEnd(memory, layout, 0);
    const request = worker.take()!;
    stage.advance = () => {
      gateway.stop();
      return true;
    };
    expect(() => wait(request)).toThrow(RequestAborted);
    expect(worker.take()).toBe(null);
    stage.close();
  }
  const { gateway, memory, layout, stage } = setUp({ syncWorkers: 1 });
  const worker = new SyncWorkerEnd(memory, layout, 0);
  let stops = 0;
  stage.advance = () => {
    stops++;
    gateway.stop();
    return true;
  };
  // Nobody drains: the ring fills up, and the stop ends the wait for room.
  for (let i = 0; i < 100; i++) worker.note(1, 'text');
  expect([stops, worker.take()]).toEqual([1, null]);
});

test('B-22 a stop rejects what an event loop waits for and ends its run', async () => {
  const { gateway, memory, layout, acquire } = setUp({ asyncWorkers: 1 });
  const requests: AsyncRingRequest[] = [];
  const loop = new AsyncWorkerEnd(memory, layout, 0, (request) => requests.push(request));
  for (const slot of [acquire(), acquire()]) gateway.dispatchAsync(slot, 0);
  const end = loop.run();
  const read = expect(requests[0].read(1)).rejects.toThrow(RequestAborted);
  const send = expect(requests[1].send(head(), Buffer.alloc(33), MORE, 33)).rejects.toThrow(RequestAborted);
  const reason = new Promise((resolve) => {
    requests[0].onCancel = resolve;
  });
  gateway.stop();
  await Promise.all([read, send]);
  expect(await reason).toBeInstanceOf(RequestAborted);
  // What is stopped may still close its bodies (L-08).
  for (const request of requests) request.done();
  await end;
});

test('a worker that is to retire finishes what it has begun and then leaves', async () => {
  const { gateway, memory, layout, acquire, recorder } = setUp({ syncWorkers: 1, asyncWorkers: 1 });
  const requests: AsyncRingRequest[] = [];
  const loop = new AsyncWorkerEnd(memory, layout, 1, (request) => requests.push(request));
  const slot = acquire();
  gateway.dispatchAsync(slot, 1);
  let left = false;
  const end = loop.run().then(() => {
    left = true;
  });
  gateway.retire(1);
  await new Promise(setImmediate);
  expect(left).toBe(false);
  await requests[0].send(head(), null, DONE, 0);
  await end;
  gateway.drain(recorder);
  expect(gateway.workerLost(1, recorder)).toEqual([]);

  gateway.dispatchSync(acquire());
  gateway.retire(0);
  expect(new SyncWorkerEnd(memory, layout, 0).take()).toBe(null);
  // The request is for another worker, or for the successor.
  gateway.workerLost(0, recorder);
  expect(new SyncWorkerEnd(memory, layout, 0).take()?.slot).toBe(slot);
});

test('a note arrives whole, in UTF-8, or cut to what the ring takes', () => {
  const { gateway, memory, layout, recorder } = setUp({ syncWorkers: 1, asyncWorkers: 1 });
  new SyncWorkerEnd(memory, layout, 0).note(7, 'started \u2713');
  new AsyncWorkerEnd(memory, layout, 1, () => {}).note(8, 'x'.repeat(1000));
  gateway.drain(recorder);
  expect(recorder.calls).toEqual([
    ['note', 0, 7, 'started \u2713'],
    ['note', 1, 8, 'x'.repeat(96)],
  ]);
});

test('a handler that throws does not get the same message again', () => {
  const { gateway, memory, layout, acquire, recorder } = setUp({ syncWorkers: 1 });
  const worker = new SyncWorkerEnd(memory, layout, 0);
  gateway.dispatchSync(acquire());
  worker.note(1, 'first');
  worker.take()!.send(head(), null, DONE, 0);
  const note = recorder.note;
  recorder.note = () => {
    throw new Error('handler');
  };
  expect(() => gateway.drain(recorder)).toThrow('handler');
  recorder.note = note;
  gateway.drain(recorder);
  expect(recorder.calls.map((call) => call[0])).toEqual(['head']);
});

const BLOCKS = { syncWorkers: 2, blocks: 4, blockSize: 32, blockWindow: 128 };

/** The owners of all blocks. */
const owners = ({ gateway, layout }: { gateway: GatewayEnd; layout: RingLayout }): number[] =>
  Array.from({ length: layout.blocks }, (_, block) => gateway.words[layout.blockOwner + block]);

test('G-105 a large chunk goes out in blocks, and through the ring where none is free', () => {
  const { gateway, memory, layout, acquire, recorder } = setUp(BLOCKS);
  const worker = new SyncWorkerEnd(memory, layout, 0);
  gateway.dispatchSync(acquire());
  const text = 'abcdefghij'.repeat(10);
  const request = worker.take();
  request?.send(head(), bytes(text.slice(0, 70)), MORE, 70);
  // One block is left, and 58 bytes of the window.
  request?.send(null, bytes(text.slice(70)), DONE, text.length - 70);
  gateway.drain(recorder);
  expect(recorder.calls).toEqual([
    ['blocks', 0, 200, text.slice(0, 70), MORE, 0, 3],
    ['blocks', 0, undefined, text.slice(70), DONE, 3, 1],
  ]);
  expect(owners({ gateway, layout })).toEqual([-1, -1, -1, -1]);
  gateway.dispatchSync(acquire());
  worker.take()?.send(head(), bytes(text.slice(0, 30)), DONE, 30);
  gateway.drain(recorder);
  expect(recorder.calls[2]).toEqual(['head', 0, 200, '200 OK\r\n', text.slice(0, 30), DONE]);
  for (const lent of recorder.lent) gateway.freeBlocks(lent);
  expect(owners({ gateway, layout })).toEqual([0, 0, 0, 0]);
});

test('G-103 a large chunk that has lost its bytes takes no block', () => {
  const { gateway, memory, layout, acquire } = setUp(BLOCKS);
  const worker = new SyncWorkerEnd(memory, layout, 0);
  gateway.dispatchSync(acquire());
  const request = worker.take();
  expect(() => request?.send(head(), detach(new Uint8Array(70)), DONE, 70)).toThrow('G-115');
  expect(owners({ gateway, layout })).toEqual([0, 0, 0, 0]);
});

test('B-67 a worker that dies at any moment of a send leaves no block behind', () => {
  const seen = new Set<string>();
  for (let moment = 0; moment < 16; moment++) {
    const { gateway, memory, layout, acquire, recorder, stage } = setUp(BLOCKS);
    const worker = new SyncWorkerEnd(memory, layout, 0);
    gateway.dispatchSync(acquire());
    const request = worker.take();
    let calls = 0;
    stage.interleave = () => {
      if (calls++ === moment) throw new Killed();
    };
    try {
      request?.send(head(), bytes('abcdefghij'.repeat(7)), DONE, 70);
    } catch (error) {
      expect(error).toBeInstanceOf(Killed);
    }
    stage.interleave = () => {};
    seen.add(owners({ gateway, layout }).join());
    for (const slot of gateway.workerLost(0, recorder)) gateway.release(slot);
    for (const lent of recorder.lent) gateway.freeBlocks(lent);
    expect(owners({ gateway, layout }), `killed at ${moment}`).toEqual([0, 0, 0, 0]);
    expect(gateway.available).toBe(layout.slots);
    stage.close();
  }
  expect(seen).toEqual(new Set(['0,0,0,0', '1,0,0,0', '1,1,0,0', '1,1,1,0']));
});
