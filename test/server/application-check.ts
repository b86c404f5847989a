/** Compares what an application of the shared table gave with what it must give (G-181). */
import { expect } from 'vitest';
import type { ApplicationCase } from '../engine/application-table.ts';

/** A response as far as every gateway can tell it. */
export interface GatewayAnswer {
  status: number;
  headers: [name: string, value: string][];
  /** Native string. */
  body: string;
  /** The body ended as its framing says; null where the client cannot tell. */
  complete: boolean | null;
}

/** Fields of the gateway, which an application may give too. */
const FRAMING = ['connection', 'content-length', 'date', 'keep-alive', 'server', 'transfer-encoding'];

/** The field lines of the application: those of the gateway's framing left out, unless they are expected. */
function ownFields({ headers }: GatewayAnswer, expected: string[]): string[] {
  return headers
    .map(([name, value]) => `${name}: ${value}`)
    .filter((line) => expected.includes(line) || !FRAMING.includes(line.slice(0, line.indexOf(':')).toLowerCase()));
}

export function checkAnswer(one: ApplicationCase, answer: GatewayAnswer): void {
  expect(answer.status).toBe(one.status);
  if (answer.complete !== null) expect(answer.complete).toBe(one.broken !== true);
  if (one.fields !== undefined) expect(ownFields(answer, one.fields)).toEqual(one.fields);
  if (one.body !== undefined) expect(answer.body).toBe(one.body);
  if (one.length !== undefined) {
    const bare = one.length < 0 || one.status === 204;
    const found = answer.headers.find(([name]) => name.toLowerCase() === 'content-length');
    expect(found?.[1]).toBe(bare ? undefined : String(one.length));
  }
}
