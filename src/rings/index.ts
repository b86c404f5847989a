/**
 * The rings carry requests from one gateway thread to worker threads, and responses back, through memory that all of
 * them share. They know no HTTP beyond the copy of a head record. A layout (layout.ts) says where everything lies.
 *
 * The way of a request. The gateway takes a free *slot* (`acquire`), copies the head into it (`fill`) and gives it
 * away: into the one *queue* that all sync workers share (`dispatchSync`), or into the *inbox* of one async worker
 * (`dispatchAsync`). A sync worker claims an entry of the queue by one exchange of the slot's OWNER, so no two have it;
 * an async worker is the only reader of its inbox. The body of the request follows through the *body ring* of the slot.
 * Whatever the worker sends goes into its own *response ring* (response-ring.ts), which the gateway drains
 * (response-reader.ts). DONE is the worker's last word about a request; then the gateway gives the slot back
 * (`release`).
 *
 * Who writes. Each word has one writer, named in layout.ts. The exceptions are flags that one side sets and the other
 * clears, and what several threads compete for: OWNER of a queued slot, QUEUE_HEAD and a doorbell that sleeps change by
 * compare-and-exchange. The writer of a counter stores the bytes or entries first and the counter behind them
 * (release); its reader loads the counter first (acquire). Counters only grow, modulo 2^32: the difference of two is
 * what lies in between.
 *
 * Who waits, and who wakes. Nothing is polled. A thread that finds nothing to do says so in a word, looks once more,
 * and sleeps; a thread that has made something to do stores it, and then looks at that word. Both are sequentially
 * consistent, so one of them sees the other (doorbell.ts). Sync workers sleep by `Atomics.wait` on a sequence number
 * that they read before their looks; the gateway and async workers sleep by `Atomics.waitAsync` on a doorbell. The
 * gateway wakes others once a turn (`flush`), with one notification for many requests.
 *
 * Large chunks do not go through the ring. The worker claims blocks by exchanges, copies the chunk there, and sends a
 * message that names them. The gateway gives the bytes to the socket as they lie there, and frees the blocks when the
 * system has taken them. Nobody waits for a block: where none is free, the chunk goes through the ring in parts.
 *
 * Backpressure. The gateway never waits: a body ring that is full takes less (`writeBody`), and `wantBody` tells when
 * to go on; `bodyFull` tells before that, so that what would not fit is left to the socket. A worker waits where its
 * response ring is full (SPACE_WANTED), and where `window` bytes of a response are on their way to the socket, or
 * `blockWindow` where the last of them lie in blocks (credit, by `grant`).
 *
 * Death. A thread may die between any two instructions. A message is published by one store, an entry is claimed by one
 * exchange: the next reader finds all of it or nothing. `workerLost` drains what the dead thread had published, resets
 * its words, frees the blocks that it had claimed and not sent, and names the slots that it owned. The generation of a
 * slot, and the epoch of a worker, keep a thread that comes back late from touching what belongs to its successor.
 */
export { AsyncRingRequest, AsyncWorkerEnd } from './async-worker-end.ts';
export { claimTime, noteArrival } from './clock.ts';
export { LOCK_ENTRIES, LOCKS_USED, sharedFileLocks } from './file-lock-memory.ts';
export { GatewayEnd } from './gateway-end.ts';
export {
  CANCEL_ABORTED,
  CANCEL_DISCONNECTED,
  createMemory,
  FILE_SENT,
  FILE_SHORT,
  type RingLayout,
  type RingParameters,
  ringLayout,
} from './layout.ts';
export type { HeadMessage, LentBlocks, ResponseHandler } from './response-reader.ts';
export type { RingRequest } from './ring-request.ts';
export { survey } from './survey.ts';
export { SyncRingRequest, SyncWorkerEnd } from './sync-worker-end.ts';
