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

/** What a connection may wait for, and for how many milliseconds; 0: without a limit. */
export interface Deadlines {
  /** The next request of an idle connection. */
  request: number;
  /** The rest of a head. */
  head: number;
  /** The next bytes of a request body. */
  body: number;
  /** The client to take the next bytes of a response. */
  client: number;
  /** Room for the request. */
  room: number;
}

/** Milliseconds. A client that ends its side within a response counts as gone when that makes no step for so long. */
const HALF_CLOSED_LIMIT = 1000;
/** Milliseconds without a byte after which a client gets no longer to close, as in nginx (lingering_timeout). */
const LINGER_PAUSE = 5000;

/** The limit of each WAIT_*, by its number. */
export function limitsByWait({ request, head, body, client, room }: Deadlines): readonly number[] {
  const limits: number[] = [];
  limits[WAIT_REQUEST] = request;
  limits[WAIT_HEAD] = head;
  limits[WAIT_BODY] = body;
  limits[WAIT_CLIENT] = client;
  // Applications have limits of their own (`timeoutStep`).
  limits[WAIT_APPLICATION] = 0;
  limits[WAIT_HALF_CLOSED] = HALF_CLOSED_LIMIT;
  limits[WAIT_LINGERING] = LINGER_PAUSE;
  limits[WAIT_ROOM] = room;
  return limits;
}
