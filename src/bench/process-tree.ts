/**
 * CPU time and memory of a process with all that it has started: a server may be several processes, and its load comes
 * from another tree. Read from /proc on Linux, from `ps` elsewhere.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

interface Usage {
  /** Microseconds of CPU, user and system, of all threads that live; of those that have ended where that is known. */
  readonly cpu: number;
  /** Bytes that are resident now; pages shared by several processes count for each. */
  readonly memory: number;
  /** Bytes at their most, as the kernel recorded it; elsewhere the same as `memory`. */
  readonly peak: number;
}

interface Row extends Usage {
  readonly pid: number;
  readonly parent: number;
}

// Lines of /proc/PID/status.
const RESIDENT = /^VmRSS:[ \t]*([0-9]+) kB$/m;
const HIGH_WATER_MARK = /^VmHWM:[ \t]*([0-9]+) kB$/m;

/** A jiffy of /proc/PID/stat, in microseconds: USER_HZ is 100 on every Linux that Node runs on. */
const TICK = 10_000;

/** Usage of the process and its descendants, those that are alive. A process that is gone has used nothing. */
export function usageOf(root: number): Usage {
  const rows = process.platform === 'linux' ? linuxRows() : psRows();
  const members = new Set([root]);
  // Children may stand before their parents: again until nothing is found.
  for (let size = 0; size !== members.size; ) {
    size = members.size;
    for (const row of rows) if (members.has(row.parent)) members.add(row.pid);
  }
  let cpu = 0;
  let memory = 0;
  let peak = 0;
  for (const row of rows) {
    if (!members.has(row.pid)) continue;
    const usage = process.platform === 'linux' ? linuxUsage(row.pid) : row;
    cpu += usage.cpu;
    memory += usage.memory;
    peak += usage.peak;
  }
  return { cpu, memory, peak };
}

const NOTHING: Usage = { cpu: 0, memory: 0, peak: 0 };

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // it has ended meanwhile
  }
}

/** The fields of /proc/PID/stat from the third on: the second, the name, may hold spaces and brackets (proc(5)). */
function statOf(pid: number): string[] {
  const text = read(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function linuxRows(): Row[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0)
    .map((pid) => ({ ...NOTHING, pid, parent: Number(statOf(pid)[1]) }));
}

function linuxUsage(pid: number): Usage {
  const stat = statOf(pid);
  if (stat.length < 13) return NOTHING;
  const ticks = (Number(stat[11]) + Number(stat[12])) * TICK;
  const status = read(`/proc/${pid}/status`);
  const bytes = (line: RegExp) => Number(line.exec(status)?.[1] ?? 0) * 1024;
  // Ticks count what ended threads have used, but in steps of 10 ms; the scheduler's counters are exact, but of threads
  // that live. Neither is ever too much.
  return { cpu: Math.max(ticks, scheduled(pid)), memory: bytes(RESIDENT), peak: bytes(HIGH_WATER_MARK) };
}

/** Microseconds on a CPU of all living threads, by /proc/PID/task/TID/schedstat, which not every kernel has. */
function scheduled(pid: number): number {
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return 0;
  }
  let sum = 0;
  for (const thread of threads) sum += Number.parseInt(read(`/proc/${pid}/task/${thread}/schedstat`), 10) || 0;
  return sum / 1000;
}

function psRows(): Row[] {
  const text = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,rss=,time='], { encoding: 'latin1' });
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, parent, rss, time] = line.trim().split(/\s+/);
      // [days-]hours:minutes:seconds, or minutes:seconds.hundredths
      const seconds = time.split(/[-:]/).reduce((sum, part, i, { length }) => {
        const factor = length === 4 && i === 1 ? 24 : 60;
        return sum * (i === 0 ? 1 : factor) + Number(part);
      }, 0);
      const memory = Number(rss) * 1024;
      return { pid: Number(pid), parent: Number(parent), cpu: seconds * 1e6, memory, peak: memory };
    });
}
