/** State machines as tables, which code and documentation read. */

/** A machine as people read it: state by state, the event and where it leads. */
export interface Machine {
  title: string;
  states: readonly string[];
  events: readonly string[];
  initial: number;
  transitions: readonly (readonly [from: number, event: number, to: number])[];
}

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
