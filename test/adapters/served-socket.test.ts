/** B-68: the way through Node's own server, which is the reference of the other, passes the same tests. */
import { describe, expect, it, vi } from 'vitest';

vi.mock('../../src/adapters/own-messages.ts', async (original) => ({
  ...(await original<object>()),
  OWN_MESSAGES: false,
}));

const { OWN_MESSAGES } = await import('../../src/adapters/own-messages.ts');
await import('./node-listener.test.ts');
await import('./frameworks.test.ts');

describe('the way of these tests', () => {
  it("B-68 is that through Node's own server", () => expect(OWN_MESSAGES).toBe(false));
});
