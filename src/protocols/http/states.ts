/**
 * The state machines of an HTTP/1.x server connection (RFC 9112): every transition there is. `docs/connection.md` is
 * generated from this table.
 *
 * Three machines run side by side: what the next bytes from the client are (one a connection), how far a response has
 * come (one an exchange, that is a request with its response), and whether the socket is still ours.
 */

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

/** A machine as people read it: state by state, the event and where it leads. */
export interface Machine {
  title: string;
  states: readonly string[];
  events: readonly string[];
  initial: number;
  transitions: readonly (readonly [from: number, event: number, to: number])[];
}

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

/** Thrown when our own code drives a machine where it cannot go: a defect of the server, never of a client. */
export class StateError extends Error {
  override name = 'StateError';
}

/** The transitions of a machine as a function; it throws StateError where there is none. */
export function compile(machine: Machine): (state: number, event: number) => number {
  const width = machine.events.length;
  const table = new Int8Array(machine.states.length * width).fill(-1);
  for (const [from, event, to] of machine.transitions) table[from * width + event] = to;
  return (state, event) => {
    const to = table[state * width + event];
    if (to < 0) throw new StateError(`${machine.title}: ${machine.events[event]} while ${machine.states[state]}`);
    return to;
  };
}

export const nextReading = compile(READING);
export const nextResponse = compile(RESPONDING);
export const nextSocket = compile(SOCKET);
