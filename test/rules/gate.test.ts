import { expect, it } from 'vitest';
import { Gate } from '../../src/rules/gate.ts';

it('ends a wait as it is told, and one wait only', async () => {
  const gate = new Gate();
  const first = gate.wait();
  gate.release();
  await first;
  const second = gate.wait();
  gate.refuse(new Error('gone'));
  gate.release();
  await expect(second).rejects.toThrow('gone');
});

it('keeps nothing for those who do not wait', async () => {
  const gate = new Gate();
  gate.release();
  gate.refuse(new Error('nobody waits'));
  const wait = gate.wait().then(() => 'released');
  const soon = new Promise((resolve) => setImmediate(resolve, 'still waiting'));
  expect(await Promise.race([wait, soon])).toBe('still waiting');
  gate.release();
  expect(await wait).toBe('released');
});
