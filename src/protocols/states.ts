/**
 * The state machines of a connection: every transition there is. docs/connection-states.md is generated from these
 * tables.
 *
 * THEORY OF OPERATION
 *
 * Three machines run side by side:
 *
 * - READING, one a connection: what the next bytes from the client are. Only HTTP needs it; FastCGI and SCGI tell by
 *   their own framing.
 * - RESPONDING, one an exchange (a request with its response): how far the response has come.
 * - SOCKET, one a connection: whether the socket is still ours.
 *
 * A machine changes its state only where one of our files calls its function below. An event that its table does not
 * know is a defect of ours and throws; whatever a client does wrong is an ordinary event.
 *
 * How they are coupled:
 *
 * - A head in READ_HEAD makes an exchange in RESPONSE_AWAITED, at the end of the queue. Only requests with safe methods
 *   and without a body may stand in front of another one, so the body being read is always that of the last exchange.
 * - Reading and responding go on independently: a response may be complete before its request body (whose rest is
 *   dropped), and a request body before its response has begun.
 * - The exchange at the front of the queue owns the output. What others send is held in them until it is their turn.
 * - `persist` of an exchange joins the three. It is settled with the response head, which says so to the client
 *   (Connection: close). Once it is false, nothing behind this request is read (READ_STOP; READ_REFUSED where requests
 *   behind it had begun, which are broken off), and SOCKET gets SOCKET_FIN when the exchange is done.
 * - Bytes that cannot be read (READ_REFUSED) make one last exchange, which we answer ourselves.
 * - SOCKET_FIN: the last response is out, or the bytes that break it off. From then on nothing is read (READ_NOTHING),
 *   only dropped, until the client ends too (RFC 9112, 9.6).
 * - SOCKET_GONE: every exchange in the queue is broken off (RESPONSE_BREAK) and its owner told. The owner still has to
 *   say that it is done, as in every other case; an exchange ends in RESPONSE_OVER and nowhere else.
 * - The end of the client's side (READ_END) ends the connection only where no exchange is left to be answered.
 *
 * Beside the machines, and independent of each other:
 *
 * - `parked` (input.ts): reading has stopped, since the owner has no room for body bytes, or the host none for a
 *   request, or a request may not begin before others are answered. Everything that comes is put aside and the host
 *   asked to pause (`paused`); `retry` goes on. Never so unless the socket is open.
 * - `blocked` (output.ts): the transport is over its high-water mark, since the client does not take what it gets.
 *   Owners wait (`stalled`), reading goes on. Ends with `drained`.
 * - `draining` (connection.ts): the server is to stop. The next response is the last, and says so; an idle connection
 *   stays as it is.
 * - `closing` (connection.ts): the server stops, which follows on `draining`. The exchange that is the last when its
 *   head is sent says so; without one, and without part of a head, the connection ends at once.
 * - `inputEnded` (connection.ts): the client has sent its last byte, whatever the protocol.
 * - `aborting` (connection.ts): a broken-off exchange was given up by us, so the access log has no 499 for it.
 *
 * Which states go together is written down as code: `invariant` of each connection.
 */
import { compile, type Machine } from '../rules/state-machine.ts';

// What the next bytes are.
export const READ_HEAD = 0;
export const READ_BODY = 1;
export const READ_LAST_BODY = 2;
export const READ_NOTHING = 3;
export const READ_ENDED = 4;

// How far a response has come.
export const RESPONSE_AWAITED = 0;
export const RESPONSE_STARTED = 1;
export const RESPONSE_COMPLETE = 2;
export const RESPONSE_BROKEN = 3;
export const RESPONSE_OVER = 4;

// Whether the socket is still ours.
export const SOCKET_OPEN = 0;
export const SOCKET_ENDING = 1;
export const SOCKET_LINGERING = 2;
export const SOCKET_CLOSED = 3;

// Events, numbered within their machine.
export const READ_REQUEST = 0;
export const READ_LAST_REQUEST = 1;
export const READ_REQUEST_WITH_BODY = 2;
export const READ_LAST_REQUEST_WITH_BODY = 3;
export const READ_BODY_END = 4;
export const READ_REFUSED = 5;
export const READ_STOP = 6;
export const READ_END = 7;

export const RESPONSE_HEAD = 0;
export const RESPONSE_END = 1;
export const RESPONSE_BREAK = 2;
export const RESPONSE_DONE = 3;

export const SOCKET_FIN = 0;
export const SOCKET_FLUSHED = 1;
export const SOCKET_GONE = 2;

export const READING: Machine = {
  title: 'What the next bytes from the client are',
  states: ['a head', 'a body', 'the last body', 'nothing of interest', 'ended'],
  events: [
    'request',
    'last request',
    'request with body',
    'last request with body',
    'end of body',
    'refused',
    'no further request',
    'end of stream',
  ],
  initial: READ_HEAD,
  transitions: [
    [READ_HEAD, READ_REQUEST, READ_HEAD],
    [READ_HEAD, READ_LAST_REQUEST, READ_NOTHING],
    [READ_HEAD, READ_REQUEST_WITH_BODY, READ_BODY],
    [READ_HEAD, READ_LAST_REQUEST_WITH_BODY, READ_LAST_BODY],
    [READ_HEAD, READ_REFUSED, READ_NOTHING],
    [READ_HEAD, READ_STOP, READ_NOTHING],
    [READ_HEAD, READ_END, READ_ENDED],
    [READ_BODY, READ_BODY_END, READ_HEAD],
    [READ_BODY, READ_REFUSED, READ_NOTHING],
    [READ_BODY, READ_STOP, READ_LAST_BODY],
    [READ_BODY, READ_END, READ_ENDED],
    [READ_LAST_BODY, READ_BODY_END, READ_NOTHING],
    [READ_LAST_BODY, READ_REFUSED, READ_NOTHING],
    [READ_LAST_BODY, READ_STOP, READ_LAST_BODY],
    [READ_LAST_BODY, READ_END, READ_ENDED],
    [READ_NOTHING, READ_STOP, READ_NOTHING],
    [READ_NOTHING, READ_END, READ_ENDED],
    [READ_ENDED, READ_STOP, READ_ENDED],
  ],
};

export const RESPONDING: Machine = {
  title: 'How far a response has come',
  states: ['awaited', 'started', 'complete', 'broken', 'over'],
  events: ['head', 'end of body', 'break', 'done'],
  initial: RESPONSE_AWAITED,
  transitions: [
    [RESPONSE_AWAITED, RESPONSE_HEAD, RESPONSE_STARTED],
    [RESPONSE_AWAITED, RESPONSE_BREAK, RESPONSE_BROKEN],
    [RESPONSE_STARTED, RESPONSE_END, RESPONSE_COMPLETE],
    [RESPONSE_STARTED, RESPONSE_BREAK, RESPONSE_BROKEN],
    [RESPONSE_COMPLETE, RESPONSE_BREAK, RESPONSE_COMPLETE],
    [RESPONSE_COMPLETE, RESPONSE_DONE, RESPONSE_OVER],
    [RESPONSE_BROKEN, RESPONSE_BREAK, RESPONSE_BROKEN],
    [RESPONSE_BROKEN, RESPONSE_DONE, RESPONSE_OVER],
  ],
};

export const SOCKET: Machine = {
  title: 'Whether the socket is still ours',
  states: ['open', 'ending', 'lingering', 'closed'],
  events: ['last response', 'all sent', 'gone'],
  initial: SOCKET_OPEN,
  transitions: [
    [SOCKET_OPEN, SOCKET_FIN, SOCKET_ENDING],
    [SOCKET_OPEN, SOCKET_GONE, SOCKET_CLOSED],
    [SOCKET_ENDING, SOCKET_FLUSHED, SOCKET_LINGERING],
    [SOCKET_ENDING, SOCKET_GONE, SOCKET_CLOSED],
    [SOCKET_LINGERING, SOCKET_GONE, SOCKET_CLOSED],
    [SOCKET_CLOSED, SOCKET_GONE, SOCKET_CLOSED],
  ],
};

export const nextReading = compile(READING);
export const nextResponse = compile(RESPONDING);
export const nextSocket = compile(SOCKET);
