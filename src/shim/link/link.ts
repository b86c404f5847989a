/**
 * One thread's line to another: a MessagePort for the messages and one shared word to sleep on. One end has an event loop
 * and hears of messages as events; the other may block, and takes them with `receiveMessageOnPort`.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, type TransferListItem } from 'node:worker_threads';
import type { FarMessage, NearMessage } from './wire.ts';

/** Words between the bells of two links: a cache line. */
const BELL_WORDS = 16;

/** Memory for the bells of so many links. */
export function createBells(count: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(count * BELL_WORDS * 4));
}

/** Wakes whoever sleeps on a bell. */
export function ring(bells: Int32Array, index: number): void {
  // After the message is in the queue: a sleeper that read the number before, and found nothing, does not sleep.
  Atomics.add(bells, index * BELL_WORDS, 1);
  Atomics.notify(bells, index * BELL_WORDS);
}

export type Message = NearMessage | FarMessage;

/** Smaller buffers are copied: handing one over costs 2 to 3 µs more. */
const LEAST_TRANSFERRED = 16384;

function addBuffer(list: TransferListItem[], bytes: unknown): void {
  if (bytes instanceof Uint8Array && bytes.byteLength >= LEAST_TRANSFERRED) list.push(bytes.buffer as ArrayBuffer);
}

/** What changes hands: ports, and buffers, which are all made for their message (`privateBytes`). */
function transferable(message: Message): TransferListItem[] | undefined {
  const list: TransferListItem[] = [];
  if ('chunk' in message) addBuffer(list, message.chunk);
  else if (message.type === 'returned') for (const chunk of message.chunks ?? []) addBuffer(list, chunk);
  else if (message.type === 'input') addBuffer(list, message.value);
  else if (message.type === 'canary') list.push(message.port);
  return list.length === 0 ? undefined : list;
}

/** The end on an event loop. */
export class LoopEnd<Out extends Message> {
  readonly port: MessagePort;
  readonly #bells: Int32Array;
  readonly #index: number;

  constructor(port: MessagePort, bells: Int32Array, index: number) {
    this.port = port;
    this.#bells = bells;
    this.#index = index;
  }

  post(message: Out): void {
    this.port.postMessage(message, transferable(message));
    ring(this.#bells, this.#index);
  }
}

/** The end on a thread that may block. */
export class BlockingEnd<In extends Message, Out extends Message> {
  readonly port: MessagePort;
  readonly #bells: Int32Array;
  readonly #index: number;
  /** The number of the bell when the queue was last found empty. */
  #heard = -1;

  constructor(port: MessagePort, bells: Int32Array, index: number) {
    this.port = port;
    this.#bells = bells;
    this.#index = index * BELL_WORDS;
  }

  post(message: Out): void {
    this.port.postMessage(message, transferable(message));
  }

  /** The next message; waits for it for `timeout` milliseconds at most, however often the bell rings for something else. */
  receive(timeout: number): In | undefined {
    const until = timeout > 0 ? performance.now() + timeout : 0;
    let left = timeout;
    for (;;) {
      // The number before the look at the queue: a message after that look changes it, and the wait fails (B-22).
      const number = Atomics.load(this.#bells, this.#index);
      if (number !== this.#heard || left > 0) {
        const received: { message: In } | undefined = receiveMessageOnPort(this.port);
        if (received !== undefined) return received.message;
        this.#heard = number;
      }
      // Ends: with a message, and with the limit: whoever waits longer looks in between whether the other side lives.
      if (left <= 0 || Atomics.wait(this.#bells, this.#index, number, left) === 'timed-out') return undefined;
      left = until - performance.now();
    }
  }

  /** Sleeps until the bell rings, for `timeout` milliseconds at most; not at all where `look` has found something. */
  sleep(look: () => boolean, timeout: number): void {
    const number = Atomics.load(this.#bells, this.#index); // before the look, as above
    // Ends: as above.
    if (!look()) Atomics.wait(this.#bells, this.#index, number, timeout);
  }
}

/**
 * Tells a thread that blocks whether another one still lives. No event reaches a blocked thread, so it asks: the thread
 * watched holds one port of a channel. With it dies the other port, as soon as that is read from, and a dead
 * port cannot be transferred; a living one comes back.
 */
export class Canary {
  /** To be held by the thread watched. */
  readonly held: MessagePort;
  #port: MessagePort;
  #dead = false;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.held = port2;
  }

  alive(): boolean {
    if (this.#dead) return false;
    receiveMessageOnPort(this.#port);
    const { port1, port2 } = new MessageChannel();
    try {
      port1.postMessage(this.#port, [this.#port]);
      const returned: { message: MessagePort } | undefined = receiveMessageOnPort(port2);
      if (returned === undefined) this.#dead = true;
      else this.#port = returned.message;
    } catch {
      this.#dead = true;
    } finally {
      port1.close();
    }
    return !this.#dead;
  }

  close(): void {
    this.#dead = true;
    this.#port.close();
  }
}
