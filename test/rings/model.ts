/** Requests whose every byte is known, a gateway that checks every message, and applications that check every read. */
import { expect } from 'vitest';
import {
  FIELD_WORDS,
  FLAG_EXPECT_CONTINUE,
  HEAD_FIELD_COUNT,
  HEAD_FLAGS,
  HEAD_LENGTH,
  HEAD_RECORD,
  HEAD_WORDS,
  READ_AREA,
} from '../../assembly/layout.ts';
import { DONE, END, type Final, MORE, type ResponseHead } from '../../src/interface/transport.ts';
import type { GatewayEnd, HeadMessage, LentBlocks, ResponseHandler } from '../../src/rings/index.ts';

export type Ending = 'done' | 'end' | 'abort' | 'file';
export type BodyEnding = 'end' | 'fail' | 'disconnect' | 'abort';

/** What will happen to one request. */
export interface Plan {
  readonly id: number;
  readonly body: number;
  readonly bodyEnding: BodyEnding;
  readonly readSize: number;
  /** Sizes of the chunks of the response. */
  readonly response: number[];
  readonly ending: Ending;
}

/** Byte `offset` of the request body (side 0) or response body (side 1) of a request. */
export function byteAt(id: number, side: number, offset: number): number {
  return (id * 37 + side * 101 + offset * 7 + (offset >> 5)) & 255;
}

export function bytesOf(id: number, side: number, from: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => byteAt(id, side, from + i));
}

function check(bytes: Uint8Array, id: number, side: number, from: number): void {
  if (Buffer.compare(bytes, bytesOf(id, side, from, bytes.length)) !== 0) {
    expect(Array.from(bytes), `bytes of request ${id}`).toEqual(Array.from(bytesOf(id, side, from, bytes.length)));
  }
}

export const CONNECTION = 'meta \u00e9;';

export function responseHead(plan: Plan): ResponseHead {
  const length = plan.response.reduce((sum, size) => sum + size, 0);
  return { status: 200 + plan.id, text: `${200 + plan.id} Request ${plan.id}\r\n`, length, flags: plan.id & 15 };
}

/** Puts the plan where the parser puts a request. */
export function place(gateway: GatewayEnd, plan: Plan): void {
  const text = JSON.stringify(plan);
  gateway.bytes.latin1Write(text, READ_AREA, text.length);
  const record = HEAD_RECORD >>> 2;
  const fields = plan.id % 4;
  gateway.words[record + HEAD_LENGTH] = text.length;
  gateway.words[record + HEAD_FIELD_COUNT] = fields;
  gateway.words[record + HEAD_FLAGS] = FLAG_EXPECT_CONTINUE;
  for (let i = 0; i < fields * FIELD_WORDS; i++) gateway.words[record + HEAD_WORDS + i] = plan.id * 1000 + i;
}

interface Request {
  readonly plan: Plan;
  readonly worker: number;
  bodySent: number;
  bodyOver: boolean;
  awaitsRoom: boolean;
  cancelled: boolean;
  headSeen: boolean;
  received: number;
  granted: number;
  over: boolean;
  aborted: boolean;
  fileOpen: boolean;
  fileSeen: boolean;
}

/** The gateway's side of the model. */
export class ModelGateway implements ResponseHandler {
  readonly gateway: GatewayEnd;
  readonly requests = new Map<number, Request>();
  readonly finished: Plan[] = [];
  readonly notes: string[] = [];
  /** Bytes in blocks that no socket has taken yet, and what they were when they came. */
  readonly lent: { start: number; bytes: Buffer; blocks: LentBlocks }[] = [];
  #awake = true;

  constructor(gateway: GatewayEnd) {
    this.gateway = gateway;
  }

  /** Dispatches a request to the sync queue (worker -1) or to an async worker; false where no slot is free. */
  start(plan: Plan, worker: number): boolean {
    const slot = this.gateway.acquire();
    if (slot < 0) return false;
    expect(this.requests.has(slot), 'a slot in use was given away').toBe(false);
    place(this.gateway, plan);
    this.gateway.fill(slot, plan.id, plan.id + 1, CONNECTION, READ_AREA);
    if (plan.body > 0) this.gateway.bodies.expect(slot, plan.id % 3 === 0 ? -1 : plan.body);
    this.requests.set(slot, {
      plan,
      worker,
      bodySent: 0,
      bodyOver: false,
      awaitsRoom: false,
      cancelled: false,
      headSeen: false,
      received: 0,
      granted: 0,
      over: false,
      aborted: false,
      fileOpen: false,
      fileSeen: false,
    });
    if (plan.body === 0 && plan.bodyEnding === 'end') this.#endBody(slot);
    if (worker < 0) this.gateway.dispatchSync(slot);
    else this.gateway.dispatchAsync(slot, worker);
    return true;
  }

  /** Sends up to `size` bytes of the body of a request, or its end. False where there was nothing to do. */
  feed(slot: number, size: number): boolean {
    const request = this.requests.get(slot)!;
    const { plan } = request;
    if (request.bodyOver || request.awaitsRoom) return false;
    if (request.bodySent === plan.body) {
      this.#endBody(slot);
      return true;
    }
    const chunk = bytesOf(plan.id, 0, request.bodySent, Math.min(size, plan.body - request.bodySent));
    let taken: number;
    if (plan.id % 2 === 0) {
      this.gateway.bytes.set(chunk, READ_AREA);
      taken = this.gateway.bodies.write(slot, READ_AREA, chunk.length);
      this.gateway.bytes.fill(0, READ_AREA, READ_AREA + chunk.length);
    } else {
      taken = this.gateway.bodies.writeFrom(slot, chunk);
    }
    expect(taken).toBeLessThanOrEqual(chunk.length);
    request.bodySent += taken;
    // A message `wantBody` may have come during the call only where the model runs the worker inside it.
    request.awaitsRoom = taken < chunk.length || (plan.id % 4 > 1 && this.gateway.bodies.isFull(slot, 24));
    return true;
  }

  #endBody(slot: number): void {
    const request = this.requests.get(slot)!;
    request.bodyOver = true;
    const { bodyEnding } = request.plan;
    if (bodyEnding === 'end') this.gateway.endBody(slot);
    else if (bodyEnding === 'fail') this.gateway.failBody(slot, 413);
    else this.cancel(slot);
  }

  cancel(slot: number): void {
    const request = this.requests.get(slot)!;
    if (request.cancelled) return;
    request.cancelled = true;
    this.gateway.cancel(slot, request.plan.bodyEnding === 'abort' ? 2 : 1);
  }

  /** The socket has taken `bytes` of what it was given. */
  acknowledge(slot: number, bytes: number): boolean {
    const request = this.requests.get(slot)!;
    const count = Math.min(bytes, request.received - request.granted);
    if (count === 0) return false;
    request.granted += count;
    this.gateway.grant(slot, count);
    return true;
  }

  closeFile(slot: number): boolean {
    const request = this.requests.get(slot)!;
    if (!request.fileOpen) return false;
    request.fileOpen = false;
    this.gateway.fileDone(slot);
    return true;
  }

  drain(): number {
    return this.gateway.drain(this);
  }

  /** One turn of the event loop: drains when woken, and goes back to sleep. True when anything happened. */
  turn(): boolean {
    this.gateway.flush();
    if (!this.#awake) return false;
    const messages = this.drain();
    this.#awake = !this.gateway.arm(() => {
      this.#awake = true;
    });
    return messages > 0 || this.#awake;
  }

  /** A worker has died; returns the ids of its requests, which are released. */
  lost(worker: number): number[] {
    const ids = [];
    for (const slot of this.gateway.workerLost(worker, this)) {
      ids.push(this.requests.get(slot)!.plan.id);
      this.requests.delete(slot);
      this.gateway.release(slot);
    }
    return ids;
  }

  #request(slot: number): Request {
    const request = this.requests.get(slot);
    if (request === undefined) throw new Error(`a message about slot ${slot}, which is free`);
    expect(request.over, 'a message after DONE').toBe(false);
    return request;
  }

  #head({ status, flags, length, textStart, textLength }: HeadMessage): ResponseHead {
    return { status, flags, length, text: this.gateway.bytes.latin1Slice(textStart, textStart + textLength) };
  }

  head(slot: number, head: HeadMessage, start: number, chunk: number, final: Final): void {
    const request = this.#request(slot);
    expect(request.headSeen, 'a second head').toBe(false);
    request.headSeen = true;
    expect(this.#head(head)).toEqual(responseHead(request.plan));
    expect(start).toBe(head.textStart + head.textLength);
    this.#body(slot, request, start, chunk, final);
  }

  blocks(...[slot, head, start, length, final, blocks]: Parameters<ResponseHandler['blocks']>): void {
    const request = this.#request(slot);
    if (head !== null) {
      expect(request.headSeen, 'a second head').toBe(false);
      request.headSeen = true;
      expect(this.#head(head)).toEqual(responseHead(request.plan));
    }
    const { blockSize, block } = this.gateway.layout;
    expect([start, Math.ceil(length / blockSize)]).toEqual([block + blocks.first * blockSize, blocks.count]);
    this.lent.push({ start, bytes: Buffer.from(this.gateway.bytes.subarray(start, start + length)), blocks });
    this.#body(slot, request, start, length, final, this.gateway.layout.blockWindow);
  }

  /** The system has taken what lay in some blocks. False where there are none. */
  freeBlocks(which: number): boolean {
    if (this.lent.length === 0) return false;
    const [{ start, bytes, blocks }] = this.lent.splice(which % this.lent.length, 1);
    const now = this.gateway.bytes.subarray(start, start + bytes.length);
    expect(now.equals(bytes), 'lent bytes stay as they were').toBe(true);
    this.gateway.freeBlocks(blocks);
    return true;
  }

  /** Whether every block is free, where nothing is lent. */
  get allBlocksFree(): boolean {
    const { blocks, blockOwner } = this.gateway.layout;
    return this.gateway.words.subarray(blockOwner, blockOwner + blocks).every((owner) => owner === 0);
  }

  chunk(slot: number, start: number, chunk: number, final: Final): void {
    this.#body(slot, this.#request(slot), start, chunk, final);
  }

  #body(
    slot: number,
    request: Request,
    start: number,
    chunk: number,
    final: Final,
    window = this.gateway.layout.window,
  ): void {
    check(this.gateway.bytes.subarray(start, start + chunk), request.plan.id, 1, request.received);
    request.received += chunk;
    // The end of a response waits for nothing.
    if (chunk > 0) expect(request.received - request.granted, 'bytes under way').toBeLessThanOrEqual(window);
    if (final !== MORE) {
      expect(request.received).toBe(request.plan.response.reduce((sum, size) => sum + size, 0));
      expect(final).toBe(request.plan.ending === 'end' ? END : DONE);
    }
    if (final === DONE) this.#release(slot, request);
  }

  file(slot: number, head: HeadMessage, descriptor: number, size: number): void {
    const request = this.#request(slot);
    expect(this.#head(head)).toEqual(responseHead(request.plan));
    expect(descriptor).toBe(request.plan.id);
    expect(size).toBe(request.plan.id % 2 === 0 ? -1 : 2 ** 40 + request.plan.id);
    request.fileOpen = true;
    request.fileSeen = true;
  }

  hint(): void {
    throw new Error('no plan has hints');
  }

  abort(slot: number): void {
    const request = this.#request(slot);
    expect(request.plan.ending).toBe('abort');
    request.aborted = true;
  }

  done(slot: number): void {
    const request = this.#request(slot);
    expect(request.fileOpen, 'over while its file is in use').toBe(false);
    const { plan, received, headSeen, aborted, fileSeen } = request;
    if (!request.cancelled && (plan.bodyEnding === 'end' || plan.readSize === 0)) {
      const whole = headSeen && received === plan.response.reduce((sum, size) => sum + size, 0);
      expect(whole || aborted || fileSeen, `request ${plan.id} was not answered`).toBe(true);
    }
    this.#release(slot, request);
  }

  wantContinue(slot: number): void {
    this.#request(slot);
  }

  wantBody(slot: number): void {
    this.#request(slot).awaitsRoom = false;
  }

  errors(slot: number, _start: number, length: number): void {
    this.notes.push(`errors of ${slot}: ${length} bytes`);
  }

  note(worker: number, code: number, text: string): void {
    this.notes.push(`${worker} ${code} ${text}`);
  }

  #release(slot: number, request: Request): void {
    request.over = true;
    this.requests.delete(slot);
    this.finished.push(request.plan);
    this.gateway.release(slot);
  }
}

/** What an application needs of a request, whichever way it waits. */
export interface RequestFace {
  readonly mount: number;
  readonly flags: number;
  readonly headStart: number;
  readonly words: Int32Array;
  readonly record: number;
  text(): string;
}

/** Reads the plan of a request and checks everything that came with it. */
export function planOf(request: RequestFace): Plan {
  const text = request.text();
  expect(text.slice(0, request.headStart)).toBe(CONNECTION);
  const plan = JSON.parse(text.slice(request.headStart)) as Plan;
  expect(request.mount).toBe(plan.id);
  expect(request.flags).toBe(plan.id + 1);
  for (let i = 0; i < (plan.id % 4) * FIELD_WORDS; i++) {
    expect(request.words[request.record + HEAD_WORDS + i]).toBe(plan.id * 1000 + i);
  }
  return plan;
}

/** Checks a block of the request body that begins at `from`. */
export function checkBlock(plan: Plan, block: Uint8Array, from: number): void {
  expect(block.length).toBeGreaterThan(0);
  expect(block.length).toBeLessThanOrEqual(plan.readSize);
  expect(block.buffer).not.toBeInstanceOf(SharedArrayBuffer);
  check(block, plan.id, 0, from);
}

/** The calls of `send` for a plan: head or none, chunk or none, final. */
export function* sends(plan: Plan): Generator<[ResponseHead | null, Uint8Array | null, Final]> {
  const last = plan.ending === 'end' ? END : DONE;
  let head: ResponseHead | null = responseHead(plan);
  let from = 0;
  for (let i = 0; i < plan.response.length; i++) {
    const chunk = bytesOf(plan.id, 1, from, plan.response[i]);
    from += chunk.length;
    const final = i === plan.response.length - 1 && plan.ending !== 'abort' ? last : MORE;
    yield [head, chunk, final];
    // G-115: whoever made the chunk may use its memory again.
    chunk.fill(255);
    head = null;
  }
  if (plan.response.length === 0 && plan.ending !== 'abort') yield [head, null, last];
}
