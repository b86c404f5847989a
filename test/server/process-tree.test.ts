/** What the system tells of a process and those that it has started. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { usageOf } from '../../src/bench/process-tree.ts';

/** Takes 150 ms of CPU time and 64 MiB of memory, says so, and waits. */
const BURN = `
  const before = process.cpuUsage();
  for (let used = before; used.user + used.system < 150_000; used = process.cpuUsage(before));
  globalThis.kept = Buffer.alloc(64 * 1024 * 1024, 1);
  setInterval(() => {}, 1000);
`;
const CHILD = `${BURN} console.log('burnt');`;
/** The same, and a child that has done the same before. */
const PARENT = `
  const child = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(CHILD)}]);
  child.stdout.once('data', () => { ${BURN} console.log(child.pid); });
`;

const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) process.kill(-(child.pid ?? 0), 'SIGKILL');
  running.clear();
});

/** Starts a program in a group of its own, and waits for its line. */
async function burnt(program: string): Promise<{ pid: number; line: number }> {
  const child = spawn(process.execPath, ['-e', program], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  const [line] = await once(child.stdout, 'data');
  return { pid: child.pid ?? 0, line: Number(line) };
}

const MIB = 1024 ** 2;

describe('the usage of a process tree', () => {
  it('is that of the process, and of what it has started', async () => {
    const { pid, line: grandchild } = await burnt(PARENT);
    const all = usageOf(pid);
    const part = usageOf(grandchild);
    // The system counts by ticks, and a start takes some.
    for (const { cpu } of [part, { cpu: all.cpu - part.cpu }]) {
      expect(cpu).toBeGreaterThan(100_000);
      expect(cpu).toBeLessThan(5_000_000);
    }
    for (const { memory } of [part, { memory: all.memory - part.memory }]) {
      expect(memory).toBeGreaterThan(64 * MIB);
      expect(memory).toBeLessThan(400 * MIB);
    }
    expect(all.peak).toBeGreaterThanOrEqual(all.memory * 0.99);
  });

  it('grows with time on the CPU, and with nothing else', async () => {
    const { pid } = await burnt(CHILD);
    const before = usageOf(pid).cpu;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(usageOf(pid).cpu - before).toBeLessThan(50_000);
  });

  it('is nothing for a process that is gone', () => {
    expect(usageOf(2 ** 22 + 1)).toEqual({ cpu: 0, memory: 0, peak: 0 });
  });
});
