// Applications that tell who runs them and where.
import { readdirSync, readFileSync } from 'node:fs';

const loadedBy = process.getuid();

/** The real, effective, saved and file system users of all threads. */
function threads() {
  const users = new Set();
  for (const id of readdirSync('/proc/self/task')) {
    try {
      users.add(/^Uid:\s+(.*)$/m.exec(readFileSync(`/proc/self/task/${id}/status`, 'utf8'))[1]);
    } catch {
      // It has ended meanwhile.
    }
  }
  return [...users];
}

/** What an attempt to become root comes to; only the main thread of a process can make one. */
function goBack() {
  try {
    process.setuid(0);
    return 'root';
  } catch (error) {
    return error.code;
  }
}

function answer(environ, startResponse) {
  if (environ.PATH_INFO === '/kill') process.kill(process.pid, 'SIGKILL');
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  const told = {
    pid: process.pid,
    loadedBy,
    threads: threads(),
    gid: process.getgid(),
    groups: process.getgroups(),
    home: process.env.HOME,
    user: process.env.USER,
    directory: process.cwd(),
    back: goBack(),
  };
  return [Buffer.from(JSON.stringify(told))];
}

export const sync = answer;

export async function async(environ, startResponse) {
  return answer(environ, startResponse);
}
