import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { render } from '../../scripts/connection-states.mjs';
import { type Machine, nextReading, READING, RESPONDING, SOCKET, StateError } from '../../src/http/states.ts';

const machines: Machine[] = [READING, RESPONDING, SOCKET];

describe('the state machines of a connection', () => {
  it('docs/connection-states.md is what the tables say (npm run docs)', () => {
    expect(readFileSync(new URL('../../docs/connection-states.md', import.meta.url), 'utf8')).toBe(render(machines));
  });

  it.each(machines)('every state can be reached: $title', ({ states, initial, transitions }) => {
    const reached = new Set([initial]);
    for (let before = 0; before < reached.size; ) {
      before = reached.size;
      for (const [from, , to] of transitions) if (reached.has(from)) reached.add(to);
    }
    expect(reached.size).toBe(states.length);
  });

  it.each(machines)('no event leads two ways: $title', ({ transitions }) => {
    const keys = transitions.map(([from, event]) => `${from}/${event}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('an event that has no place throws and names both', () => {
    expect(() => nextReading(READING.states.indexOf('ended'), READING.events.indexOf('request'))).toThrow(StateError);
    expect(() => nextReading(4, 0)).toThrow('request while ended');
  });
});
