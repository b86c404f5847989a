import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { renderConnection, renderWorker } from '../../scripts/states.mjs';
import { SUPERVISION } from '../../src/pool/states.ts';
import { nextReading, READING, RESPONDING, SOCKET } from '../../src/protocols/states.ts';
import { type Machine, StateError } from '../../src/rules/state-machine.ts';

const machines: Machine[] = [READING, RESPONDING, SOCKET, SUPERVISION];
const page = (name: string): string => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8');

describe('the state machines of connections and workers', () => {
  it('docs/connection-states.md is what the tables say (npm run docs)', () => {
    expect(page('connection-states')).toBe(renderConnection([READING, RESPONDING, SOCKET]));
  });

  it('docs/worker-states.md is what the table says (npm run docs)', () => {
    expect(page('worker-states')).toBe(renderWorker(SUPERVISION));
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
