import {
  WAIT_APPLICATION,
  WAIT_BODY,
  WAIT_CLIENT,
  WAIT_HALF_CLOSED,
  WAIT_HEAD,
  WAIT_LINGERING,
  WAIT_REQUEST,
  WAIT_ROOM,
} from '../protocols/host.ts';
import type { ResolvedOptions } from './options.ts';

/**
 * The settings that limit the waits of connections; 0: no limit, but for an idle connection, which is then not kept.
 */
export type Deadlines = Pick<
  ResolvedOptions,
  'timeoutKeepAlive' | 'timeoutHead' | 'timeoutBody' | 'timeoutSend' | 'timeoutQueue'
>;

/** Milliseconds. A client that ends its side within a response counts as gone when that makes no step for so long. */
const HALF_CLOSED_LIMIT = 1000;
/** Milliseconds without a byte after which a client gets no longer to close, as in nginx (lingering_timeout). */
const LINGER_PAUSE = 5000;

/** The limit of each WAIT_*, by its number; 0: none. */
export function limitsByWait(settings: Deadlines): readonly number[] {
  const limits: number[] = [];
  // Without keep-alive only new connections wait for a request.
  limits[WAIT_REQUEST] = settings.timeoutKeepAlive || settings.timeoutHead;
  limits[WAIT_HEAD] = settings.timeoutHead;
  limits[WAIT_BODY] = settings.timeoutBody;
  limits[WAIT_CLIENT] = settings.timeoutSend;
  // Applications have limits of their own (`timeoutStep`).
  limits[WAIT_APPLICATION] = 0;
  limits[WAIT_HALF_CLOSED] = HALF_CLOSED_LIMIT;
  limits[WAIT_LINGERING] = LINGER_PAUSE;
  limits[WAIT_ROOM] = settings.timeoutQueue;
  return limits;
}
