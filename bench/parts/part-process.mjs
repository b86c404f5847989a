// A part is measured in a process of its own, started anew each round as a server is. `part-child.mjs` is that process.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readVersion, versionOf } from '../peers/index.mjs';

/**
 * One who does the work of a part; a file of parts exports `candidates`, by name.
 *
 * @typedef {object} Part
 * @property {string[]} [modules] of Quaich, in `dist`: it is measured once for each build
 * @property {string} [package] of the bench; without one, and without modules, it is made of Node alone
 * @property {(built: Record<string, any>, root: string) => Measure | Promise<Measure>} start built: what the modules
 *   export; root: the folder of the build
 *
 * @typedef {(one: any, seconds: number) => Record<string, number> | Promise<Record<string, number>>} Measure gives a
 *   sample; throws where the answers are wrong
 */

/** The version of a part; fails where it is not there. */
export function versionOfPart({ modules, package: name }, root) {
  if (name !== undefined) return versionOf(name);
  if (modules === undefined) return process.version;
  const missing = modules.find((path) => !existsSync(join(root, 'dist', path)));
  if (missing !== undefined) throw new Error(`${root} has no dist/${missing}`);
  return readVersion(join(root, 'package.json'));
}

const CHILD = fileURLToPath(new URL('./part-child.mjs', import.meta.url));

/**
 * Starts the candidate `name` of a file in this folder, with the build of Quaich in `root`.
 *
 * @returns {Promise<import('../../dist/src/bench/suite.js').Running<any>>}
 */
export async function startPart(file, name, root) {
  const child = fork(CHILD, [file, name, root], { serialization: 'advanced' });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the process of ${name} ended (${signal ?? code})`);
  });
  ended.catch(() => {}); // it is awaited below, or is of no interest any more
  const stop = async () => {
    child.kill('SIGKILL');
    await ended.catch(() => {});
  };
  const answer = async () => {
    const [{ sample, failed }] = await Promise.race([once(child, 'message'), ended]);
    if (failed !== undefined) throw new Error(failed);
    return sample;
  };
  const measure = (one, seconds) => {
    child.send({ one, seconds });
    return answer();
  };
  try {
    await answer(); // it has started
  } catch (error) {
    await stop();
    throw error;
  }
  return { measure, stop };
}
