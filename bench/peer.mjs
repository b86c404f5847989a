// A server under test in a process of its own, so that its CPU time is its own too.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** @param {string} module relative to bench/peers @param {...string} args */
export async function startPeer(module, ...args) {
  const path = fileURLToPath(new URL(`./peers/${module}`, import.meta.url));
  const child = fork(path, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`${module} ended with code ${code}`);
  });
  failed.catch(() => {});
  const [{ url }] = await Promise.race([once(child, 'message'), failed]);
  return {
    url: /** @type {string} */ (url),
    /** CPU microseconds used so far by all threads. */
    async cpu() {
      const answer = once(child, 'message');
      child.send('usage');
      const [{ cpu }] = await Promise.race([answer, failed]);
      return cpu.user + cpu.system;
    },
    async stop() {
      child.kill('SIGKILL');
      await failed.catch(() => {});
    },
  };
}
