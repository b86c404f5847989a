/**
 * The link between the two sides of a bridge.
 *
 * Theory of operation. A bridge has two sides, each on a thread of its own. The near side looks like an application to
 * its gateway and replays what the far side tells it (`near/`). The far side looks like a gateway to the application
 * and runs the engine, whose transport posts what is sent (`far/`). Between them is a link: a MessagePort for the
 * messages (`wire.ts`), and one shared word, the bell.
 *
 * Of the two threads one has an event loop, and one may block. The end on the event loop hears of messages as events.
 * The end that may block (the far side of `syncToAsync`, the near side of `asyncToSync`) takes them with
 * `receiveMessageOnPort`, and sleeps on the bell while there are none. So every message to it is followed by a ring:
 *
 *     event loop          post the message   add 1 to the bell   notify
 *     blocking thread     read the bell   look at the queue   sleep while the bell is as it was read
 *
 * The bell is only ever counted up. The blocking thread reads it before it looks at the queue: a message that comes
 * after that look has changed the bell, and the thread does not fall asleep. A ring for nothing costs one look. One
 * bell is rung for everything that a blocking thread may wait for, also by the control port of a thread that starts.
 *
 * Messages of one direction arrive in the order in which they were posted. That is all that the sides count on: a
 * `write` is before the chunk behind it, and the message with `over` is the last one of its request. What the far side
 * may be ahead is bounded by credit (`pull`), error text by `logged`, everything else by the questions that it answers.
 *
 * Nothing of a request is kept in shared memory, so nothing of it can show in the next one.
 *
 * A thread that dies posts nothing more. The gateway of `syncToAsync` hears of that as an event. A blocked thread hears
 * of no event: it wakes up every now and then, and asks whether the other one lives (`Canary`).
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

type Message = NearMessage | FarMessage;

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

  /**
   * The next message; waits for it for `timeout` milliseconds at most, however often the bell rings for something else.
   */
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
