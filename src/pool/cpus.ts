/**
 * How many CPUs this process may use. A container's share of them is a quota of its control group: so much time within
 * each period, on whichever CPU. `os.availableParallelism` does not know it on Node 20, and later cuts it to whole
 * CPUs.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, posix } from 'node:path';

/** Where a version of control groups keeps quotas: files with a quota and a period, in microseconds. */
interface Hierarchy {
  /** Where its groups are mounted. */
  readonly folder: string;
  /** One file with both, or one for each. */
  readonly files: readonly string[];
}

const V2: Hierarchy = { folder: '/sys/fs/cgroup', files: ['cpu.max'] };
const V1: Hierarchy = { folder: '/sys/fs/cgroup/cpu', files: ['cpu.cfs_quota_us', 'cpu.cfs_period_us'] };

/**
 * CPUs that this process may use, a part of one counting as a whole.
 *
 * @param root where the file systems of the machine begin
 * @param available CPUs that it may run on
 */
export function usableCpus(root = '/', available = availableParallelism()): number {
  return Math.min(available, Math.ceil(cpuQuota(root)));
}

/**
 * The least quota of the groups that this process is in, in CPUs; infinite where there is none. The names of groups may
 * be those outside of a container, which then has the files of its own group at the top.
 */
function cpuQuota(root: string): number {
  let least = Number.POSITIVE_INFINITY;
  for (const line of read(join(root, 'proc/self/cgroup')).split('\n')) {
    // `0::/user.slice` in version 2, `4:cpu,cpuacct:/docker/1f` in version 1.
    const [, controllers = '', group = ''] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (group === '' || !(controllers === '' || controllers.split(',').includes('cpu'))) continue;
    const { folder, files } = controllers === '' ? V2 : V1;
    for (let name = posix.normalize(group); ; name = posix.dirname(name)) {
      const [quota, period] = files.flatMap((file) =>
        read(join(root, folder, name, file))
          .trim()
          .split(' '),
      );
      // `max` and -1 are no quota.
      if (Number(quota) > 0 && Number(period) > 0) least = Math.min(least, Number(quota) / Number(period));
      if (name === '/') break;
    }
  }
  return least;
}

/** '' for what is not there. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
