/** The memory that the gateway shares with its workers: what the settings make of it. */
import { MAX_FIELDS } from '../../assembly/layout.ts';
import { ConfigurationError, QuaichError } from '../interface/errors.ts';
import type { VariableLimits } from '../protocols/variables-record.ts';
import { createMemory, type RingLayout, ringLayout } from '../rings/index.ts';
import { isEncrypted, isGateway } from './bind.ts';
import type { ResolvedOptions } from './options.ts';

/** Places in the rings for each worker: for itself, and for its successor while its thread is being ended. */
export const PLACES = 2;

/**
 * Sync workers that there is room for: at least so many, however few are started, and at most as many as may be set.
 */
const LEAST_ROOM = 8;
const MOST_ROOM = 256;

/** Sync workers that there is room for where `syncWorkers` are started: their number may be raised (L-33). */
export function mostSyncWorkers(syncWorkers: number): number {
  return Math.min(MOST_ROOM, Math.max(LEAST_ROOM, 2 * syncWorkers));
}

/** Bytes of its body on their way to a worker that each request has room for. */
const BODY_SIZE = 16_384;
/** Requests at a time that have more room, for larger bodies: each time it is used up costs two wake-ups. */
const LARGE_BODIES = 96;
const LARGE_BODY_SIZE = 1_048_576;

/** Variables that a front server adds to the fields of a request, and their bytes. */
const OWN_VARIABLES = 64;
const OWN_VARIABLES_SIZE = 16384;

/** Bytes of text about a connection: its addresses; what a handshake has settled; the certificate of its client. */
const ADDRESSES_SIZE = 512;
const TLS_SIZE = 2048;
const CLIENT_CERTIFICATE_SIZE = 16_384;

type Limits = Pick<ResolvedOptions, 'bind' | 'limitRequestHead' | 'limitRequestFields' | 'tlsClientCert'>;

/** Bytes that the variables of an encrypted connection may have. */
export function tlsVariablesSize({ bind, tlsClientCert }: Limits): number {
  if (!bind.some(isEncrypted)) return 0;
  return TLS_SIZE + (tlsClientCert === 'none' ? 0 : CLIENT_CERTIFICATE_SIZE);
}

/**
 * What front servers send is as large as a head, and as many variables as fields; beside those of the server itself.
 */
export function variableLimits({ bind, limitRequestHead, limitRequestFields }: Limits): VariableLimits {
  const gateway = bind.some(isGateway);
  return {
    size: limitRequestHead + (gateway ? OWN_VARIABLES_SIZE : 0),
    count: Math.min(limitRequestFields + (gateway ? OWN_VARIABLES : 0), MAX_FIELDS),
  };
}

/** @throws ConfigurationError where so many requests, with heads so large, exceed what threads can share */
export function requestLayout(
  options: Limits & Pick<ResolvedOptions, 'maxRequestsInProgress'>,
  syncWorkers: number,
  asyncWorkers: number,
): RingLayout {
  const { size, count } = variableLimits(options);
  const slots = options.maxRequestsInProgress;
  try {
    return ringLayout({
      slots,
      syncWorkers: PLACES * syncWorkers,
      asyncWorkers: PLACES * asyncWorkers,
      headSize: size,
      maxFields: count,
      connectionSize: ADDRESSES_SIZE + tlsVariablesSize(options),
      bodySize: BODY_SIZE,
      largeBodies: LARGE_BODIES,
      largeBodySize: LARGE_BODY_SIZE,
    });
  } catch (error) {
    throw error instanceof RangeError ? new ConfigurationError(error.message) : error;
  }
}

/** Bytes that one request in progress takes at most beside a large body, and all that may be in progress together. */
export function mostMemory(layout: RingLayout): { request: number; all: number } {
  const { slots, slotWords, largeBodies, largeBodySize } = layout;
  const request = slotWords * 4;
  return { request, all: slots * request + largeBodies * largeBodySize };
}

/** Reserves the memory. @throws QuaichError where the system has none, as under `ulimit -v` */
export function requestMemory(layout: RingLayout): ReturnType<typeof createMemory> {
  try {
    return createMemory(layout);
  } catch (error) {
    const size = Math.ceil(layout.byteLength / 1024 ** 2);
    const hint = 'fewer maxRequestsInProgress need less';
    throw new QuaichError('QUAICH_STARTUP', `cannot reserve ${size} MiB of address space to share: ${hint}`, {
      cause: error,
    });
  }
}
