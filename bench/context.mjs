// What a suite is given: who can be measured here, and how load is made.
import { startHttp } from '../dist/src/bench/http-case.js';
import { generators } from '../dist/src/bench/load.js';
import { startPart, versionOfPart } from './parts/part-process.mjs';
import { peers, quaichPeers } from './peers/index.mjs';

/**
 * @typedef {import('../dist/src/bench/suite.js').Candidate} Candidate
 * @typedef {import('./parts/part-process.mjs').Part} Part
 * @typedef {Record<string, Record<string, string>>} Cannot by name: cases that it cannot do, each with the reason
 * @typedef {object} Context
 * @property {(names: Cannot, start?: typeof startHttp) => Candidate[]} servers the peers of these names, or the ways of
 *   Quaich (`quaichPeers`), and how one is started. Who is not installed is left out and noted
 * @property {(file: string, candidates: Record<string, Part>, cannot?: Cannot) => Candidate[]} parts those whom `file`
 *   in `parts/` exports
 * @property {Map<string, string>} versions of everybody who takes part
 * @property {Map<string, string>} leftOut by name, with the reason
 * @property {string} generator the name of the load generator
 */

/**
 * @param {{ root: string, against?: string, only?: string[], generator?: string }} options root and against: folders of
 *   builds of Quaich; only: words, of which a name must hold one
 * @returns {Context}
 */
export function createContext({ root, against, only = [], generator: wanted }) {
  const name = [...generators.keys()].find((one) => wanted === undefined || one.startsWith(wanted));
  if (name === undefined)
    throw new Error(`no load generator ${wanted}; there are ${[...generators.keys()].join(', ')}`);
  const generate = generators.get(name);
  /** Folders of builds, and how the names of those who come from there end. */
  const builds = [[root, ''], ...(against === undefined ? [] : [[against, ', other build']])];
  const ours = builds.map(([folder, suffix]) => quaichPeers(folder, suffix));
  const versions = new Map();
  const leftOut = new Map();

  /** The candidate of that name, where it is wanted and installed. */
  const candidate = (name, version, cannot, start) => {
    if (only.length > 0 && !only.some((word) => name.includes(word))) return [];
    try {
      versions.set(name, version());
    } catch (error) {
      leftOut.set(name, error.message.split('\n')[0]);
      return [];
    }
    return [{ name, cannot, start }];
  };
  const named = (name) =>
    Object.hasOwn(peers, name) ? [[name, peers[name]]] : ours.flatMap((build) => Object.entries(build[name]));
  const servers = (names, start = startHttp) =>
    Object.entries(names).flatMap(([name, cannot]) =>
      named(name).flatMap(([name, peer]) =>
        candidate(name, peer.version, cannot, (application) => start(peer, generate, application)),
      ),
    );
  const parts = (file, candidates, cannot = {}) =>
    Object.entries(candidates).flatMap(([name, part]) =>
      (part.modules === undefined ? builds.slice(0, 1) : builds).flatMap(([folder, suffix]) =>
        candidate(
          name + suffix,
          () => versionOfPart(part, folder),
          cannot[name],
          () => startPart(file, name, folder),
        ),
      ),
    );
  return { servers, parts, versions, leftOut, generator: name };
}
