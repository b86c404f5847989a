/** L-52: the CPUs that a container may use, read from a folder that stands for the root of a machine. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { usableCpus } from '../../src/pool/cpus.ts';

const folder = mkdtempSync(join(tmpdir(), 'quaich-cpus-'));
afterAll(() => rmSync(folder, { recursive: true }));
let machines = 0;

/** A machine with these files. */
function machine(files: Record<string, string>): string {
  const root = join(folder, String(machines++));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), `${text}\n`);
  }
  return root;
}

const QUOTAS = [
  [0.5, 1],
  [1, 1],
  [2.5, 3],
  [8, 8],
  [64, 8],
] as const;
const PERIOD = 100_000;

/** On a machine with eight CPUs. */
const usable = (files: Record<string, string>): number => usableCpus(machine(files), 8);

describe('usable CPUs', () => {
  it.each(QUOTAS)('L-52 follow the quota of version 2: %d of 8 give %d', (quota, cpus) => {
    const max = `${quota * PERIOD} ${PERIOD}`;
    expect(usable({ 'proc/self/cgroup': '0::/', 'sys/fs/cgroup/cpu.max': max })).toBe(cpus);
  });

  it.each(QUOTAS)('L-52 follow the quota of version 1: %d of 8 give %d', (quota, cpus) => {
    const found = usable({
      'proc/self/cgroup': '5:memory:/docker/1f\n4:cpu,cpuacct:/docker/1f\n1:name=systemd:/docker/1f',
      'sys/fs/cgroup/cpu/cpu.cfs_quota_us': String(quota * PERIOD),
      'sys/fs/cgroup/cpu/cpu.cfs_period_us': String(PERIOD),
    });
    expect(found).toBe(cpus);
  });

  it('L-52 follow the least quota of a group and those that it lies in', () => {
    const quotas = (outer: string, inner: string) =>
      usable({
        'proc/self/cgroup': '0::/site.slice/site.service',
        'sys/fs/cgroup/site.slice/cpu.max': outer,
        'sys/fs/cgroup/site.slice/site.service/cpu.max': inner,
      });
    expect(quotas('200000 100000', 'max 100000')).toBe(2);
    expect(quotas('200000 100000', '500000 100000')).toBe(2);
    expect(quotas('400000 100000', '150000 50000')).toBe(3);
  });

  it.each([
    ['no control groups', {}],
    ['no quota, version 2', { 'proc/self/cgroup': '0::/', 'sys/fs/cgroup/cpu.max': 'max 100000' }],
    [
      'no quota, version 1',
      {
        'proc/self/cgroup': '4:cpu:/',
        'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1',
        'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
      },
    ],
    ['a group outside of the container', { 'proc/self/cgroup': '0::/../../x' }],
    ['nothing that can be read', { 'proc/self/cgroup': 'x\n0:\n::\n', 'sys/fs/cgroup/cpu.max': '1 1 1' }],
  ])('L-52 are those that the system tells where there is %s', (_, files) => {
    expect(usable({ ...files })).toBe(8);
  });

  it('L-52 are no more than it may run on, and those of this machine are known', () => {
    const root = machine({ 'proc/self/cgroup': '0::/', 'sys/fs/cgroup/cpu.max': '600000 100000' });
    expect(usableCpus(root, 2)).toBe(2);
    expect(usableCpus()).toBeGreaterThan(0);
    expect(usableCpus()).toBeLessThanOrEqual(availableParallelism());
  });
});
