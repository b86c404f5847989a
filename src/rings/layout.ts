/**
 * Where everything lies in the shared memory. Indexes are 32-bit words, addresses and sizes are bytes, unless a name
 * says otherwise. Words that different threads write stand in different cache lines (64 bytes, 16 words).
 */
import { FIELD_WORDS, HEAD_WORDS, MAX_FIELDS, PARSER_END } from '../../assembly/layout.ts';
import { createSharedMemory, type SharedMemory } from '../rules/webassembly.ts';

/** What can be chosen; every value has a default. */
export interface RingParameters {
  /** Requests under way at a time, over all workers. Costs address space; memory only once used. */
  slots?: number;
  syncWorkers?: number;
  asyncWorkers?: number;
  /** The largest request head, bytes. */
  headSize?: number;
  /** The most fields in a request head. */
  maxFields?: number;
  /** The longest text about a connection, bytes. */
  connectionSize?: number;
  /** Request body bytes held for one request; a power of two. */
  bodySize?: number;
  /** Larger body rings, each for one request at a time whose body does not fit into its own. */
  largeBodies?: number;
  /** Bytes of a larger body ring; a power of two. */
  largeBodySize?: number;
  /** Response bytes held for one worker; a power of two. A response head may take half of it. */
  responseSize?: number;
  /** Response bytes of one request that may be on their way to its socket; at most `responseSize`. */
  window?: number;
  /** Blocks for large chunks of responses, shared by all workers. */
  blocks?: number;
  /** Bytes of a block; a chunk of at least half as many is large. */
  blockSize?: number;
  /** Response bytes of one request that may be on their way to its socket while the last of them lie in blocks. */
  blockWindow?: number;
}

/** Plain numbers: may be posted to a worker. */
export interface RingLayout {
  readonly slots: number;
  readonly syncWorkers: number;
  readonly asyncWorkers: number;
  /** Sync workers have the indexes from 0, async workers those after them. */
  readonly workers: number;
  readonly headSize: number;
  readonly maxFields: number;
  readonly connectionSize: number;
  readonly bodySize: number;
  readonly largeBodies: number;
  readonly largeBodySize: number;
  readonly responseSize: number;
  readonly window: number;
  readonly blocks: number;
  readonly blockSize: number;
  readonly blockWindow: number;
  /** Index of the words all threads share: STOP and the following. */
  readonly control: number;
  /** Index of the first entry of the sync queue, and its entries (a power of two). */
  readonly queue: number;
  readonly queueSize: number;
  /** Index of the first word of worker 0: RING_TAIL and the following, WORKER_WORDS for each. */
  readonly worker: number;
  /** Index of the first entry of the first async worker's inbox, and entries for each (a power of two). */
  readonly inbox: number;
  readonly inboxSize: number;
  /** Index of the owner of block 0: BLOCK_FREE, BLOCK_LENT, or the index of the worker that fills it plus one. */
  readonly blockOwner: number;
  /** Index of the first word of slot 0, and words for each. */
  readonly slot: number;
  readonly slotWords: number;
  /** Address of the body ring, from the first byte of its slot. */
  readonly body: number;
  /** Address of the first of the larger body rings. */
  readonly largeBody: number;
  /** Address of the response ring of worker 0; `responseSize` bytes for each. */
  readonly response: number;
  /** Address of block 0. */
  readonly block: number;
  readonly byteLength: number;
}

// Values of the owner of a block, beside the index of the worker that fills it plus one.
export const BLOCK_FREE = 0;
/** The gateway has it, until the socket has taken what lies there. */
export const BLOCK_LENT = -1;

const LINE = 64;
const PAGE = 65536;

// Words of `control`.
/** Written by the gateway, once: every wait ends. */
export const STOP = 0;
/** Thread id of the gateway plus one. */
export const GATEWAY_THREAD = 1;
/** Doorbell of the gateway (see doorbell.ts). */
export const GATEWAY_BELL = 16;
/** Entries ever put into the sync queue. Written by the gateway. */
export const QUEUE_TAIL = 32;
/** Sequence number on which idle sync workers wait. Written by the gateway. */
export const QUEUE_WAKE = 33;
/** Entries ever taken from the sync queue. Moved by any thread that sees that its entry is settled. */
export const QUEUE_HEAD = 48;
const CONTROL_WORDS = 64;

// Words of a worker.
/** Bytes ever published in the response ring. Written by the worker. */
export const RING_TAIL = 0;
/** 1: the worker waits for room in its response ring. Set by the worker, cleared by the gateway. */
export const SPACE_WANTED = 1;
/** Changes with every turn in which an async worker looks at its inbox. Written by the worker. */
export const TURNS = 2;
/** Bytes ever taken from the response ring. Written by the gateway. */
export const RING_HEAD = 16;
/** Sequence number on which a sync worker waits for room. Written by the gateway. */
export const SPACE = 17;
/** How many threads have had this index before. Written by the gateway. */
export const EPOCH = 32;
/** 1: leave after the requests under way. Written by the gateway. */
export const RETIRE = 33;
/** Entries ever put into the inbox. Written by the gateway. */
export const INBOX_TAIL = 48;
/** Doorbell of an async worker (see doorbell.ts). */
export const WORKER_BELL = 64;
export const WORKER_WORDS = 80;

// Words of a slot. Written by the gateway before the dispatch, read by the worker after it.
/** Grows by one with every use of the slot. */
export const GENERATION = 0;
export const MOUNT = 1;
/** The caller's own flags. */
export const FLAGS = 2;
/** Bytes of the text about the connection. */
export const CONNECTION_LENGTH = 3;
/** Bytes of that text and of the request head behind it, and the address of the first. */
export const TEXT_LENGTH = 4;
export const TEXT_START = 5;
/** Address of the body ring, and its bytes. */
export const BODY_START = 6;
export const BODY_SIZE = 7;
/** When the request came, in two words (clock.ts). Written only where applications are told how long it waited. */
export const ARRIVED = 8;
/** 0: nobody's; negative: queued (see queuedAt); positive: index of the worker plus one. */
export const OWNER = 16;
// Written by the gateway while the request runs.
/** Sequence number on which a sync worker waits for any of the following. */
export const EVENT = 32;
/** 0, or why nobody wants the response any more: CANCEL_*. */
export const CANCEL = 33;
/** Body bytes ever written. */
export const BODY_TAIL = 34;
/** BODY_OPEN, BODY_END, or the status of a RequestBodyError. */
export const BODY_STATE = 35;
/** Response bytes the socket has taken. */
export const ACKNOWLEDGED = 36;
/**
 * How the sending of a file has ended, when its descriptor is no longer in use: FILE_SENT, FILE_SHORT, or the negative
 * number of an error of the system. 0 before.
 */
export const FILE_DONE = 37;
// Written by the worker while the request runs.
/** Body bytes ever read. */
export const BODY_HEAD = 48;
/** 1: a sync worker waits on EVENT. */
export const WAITING = 49;
/** 1: the gateway waits for room in the body ring. Set by the gateway, cleared by the worker. */
export const BODY_WANTED = 50;
/** 1: an entry for this request lies in the inbox of its async worker. Set by the gateway, cleared by the worker. */
export const SIGNALLED = 51;
/** When the worker took the request, in two words (clock.ts). Written only where requests are timed. */
export const CLAIMED = 52;
/** First word of the head record (assembly/layout.ts); the text follows directly. */
export const RECORD = 64;

export const CANCEL_DISCONNECTED = 1;
export const CANCEL_ABORTED = 2;

/** The file is sent, or nobody wants it any more. */
export const FILE_SENT = 1;
/** The file ended before the bytes that were announced. */
export const FILE_SHORT = 2;

export const BODY_OPEN = 0;
export const BODY_END = 1;

/** Value of OWNER while the slot stands at a position of the sync queue: always negative. */
export function queuedAt(position: number): number {
  return -1 - (position & 0x7fffffff);
}

// An inbox entry: slot in the lower half, low bits of its generation above.
const MAX_SLOTS = 65536;
export function inboxEntry(slot: number, generation: number): number {
  return (generation << 16) | slot;
}

function align(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}

function check(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${value}`);
  }
}

/** Computes the layout. Throws a RangeError that names the parameter which does not fit. */
export function ringLayout(parameters: RingParameters = {}): RingLayout {
  const {
    slots = 1024,
    syncWorkers = 0,
    asyncWorkers = 0,
    headSize = 65536,
    maxFields = MAX_FIELDS,
    connectionSize = 512,
    bodySize = 32768,
    largeBodies = syncWorkers + asyncWorkers > 0 ? 128 : 0,
    largeBodySize = Math.max(524288, bodySize),
    responseSize = 1048576,
    blocks = syncWorkers + asyncWorkers > 0 ? 512 : 0,
    blockSize = 65536,
    blockWindow = 1048576,
  } = parameters;
  const { window = Math.min(131072, responseSize) } = parameters;
  check('slots', slots, 1, MAX_SLOTS);
  check('syncWorkers', syncWorkers, 0, 1024);
  check('asyncWorkers', asyncWorkers, 0, 1024);
  check('headSize', headSize, 16, 1 << 24);
  check('maxFields', maxFields, 0, MAX_FIELDS);
  check('connectionSize', connectionSize, 0, 65535);
  check('bodySize', bodySize, 16, 1 << 30);
  check('largeBodies', largeBodies, 0, 65536);
  check('largeBodySize', largeBodySize, bodySize, 1 << 30);
  check('responseSize', responseSize, 128, 1 << 30);
  check('window', window, 1, responseSize);
  check('blocks', blocks, 0, 65536);
  check('blockSize', blockSize, 16, 1 << 24);
  check('blockWindow', blockWindow, window, 1 << 30);
  for (const [name, size] of Object.entries({ bodySize, largeBodySize, responseSize })) {
    if (!isPowerOfTwo(size)) throw new RangeError(`${name} must be a power of two, not ${size}`);
  }

  // Twice the slots: an entry may outlive its request (see `SyncWorkerEnd.#claim` and `GatewayEnd.#putInbox`).
  const entries = 2 ** Math.ceil(Math.log2(2 * slots));
  const workers = syncWorkers + asyncWorkers;
  const control = align(PARSER_END, PAGE);
  const queue = control + CONTROL_WORDS * 4;
  const worker = align(queue + entries * 4, LINE);
  const inbox = worker + workers * WORKER_WORDS * 4;
  const blockOwner = align(inbox + asyncWorkers * entries * 4, LINE);
  const slot = align(blockOwner + blocks * 4, LINE);
  const body = align((RECORD + HEAD_WORDS + FIELD_WORDS * maxFields) * 4 + connectionSize + headSize, LINE);
  // An odd number of lines, so that the headers of the slots do not all fall into one set of the cache.
  const stride = ((align(body + bodySize, LINE) / LINE) | 1) * LINE;
  const largeBody = align(slot + slots * stride, PAGE);
  const response = align(largeBody + largeBodies * largeBodySize, PAGE);
  const block = align(response + workers * responseSize, PAGE);
  const byteLength = align(block + blocks * blockSize, PAGE);
  if (byteLength > 2 ** 32) throw new RangeError(`the rings need ${byteLength} bytes; shared memory ends at 4 GiB`);
  return {
    slots,
    syncWorkers,
    asyncWorkers,
    workers,
    headSize,
    maxFields,
    connectionSize,
    bodySize,
    largeBodies,
    largeBodySize,
    responseSize,
    window,
    blocks,
    blockSize,
    blockWindow,
    control: control / 4,
    queue: queue / 4,
    queueSize: entries,
    worker: worker / 4,
    inbox: inbox / 4,
    inboxSize: entries,
    blockOwner: blockOwner / 4,
    slot: slot / 4,
    slotWords: stride / 4,
    body,
    largeBody,
    response,
    block,
    byteLength,
  };
}

/** The one memory for the parser and the rings. Of fixed size: a view on it stays valid. */
export function createMemory(layout: RingLayout): SharedMemory {
  return createSharedMemory(layout.byteLength);
}
