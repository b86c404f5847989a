// What a suite is given: who can be measured here, and how load is made.
import { startHttp } from '../dist/src/bench/http-case.js';
import { generators } from '../dist/src/bench/load.js';
import { peers, quaichPeers } from './peers/index.mjs';

/**
 * @typedef {import('../dist/src/bench/suite.js').Candidate} Candidate
 * @typedef {object} Context
 * @property {(names: Record<string, Record<string, string>>, start?: typeof startHttp) => Candidate[]} servers the
 *   servers of these names, each with the cases that it cannot do and why; `quaich` stands for its three ways. Who is
 *   not installed is left out and noted
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
  const ours = { ...quaichPeers(root), ...(against === undefined ? {} : quaichPeers(against, ', other build')) };
  const all = { ...peers, ...ours };
  const versions = new Map();
  const leftOut = new Map();

  const server = (name, cannot, start) => {
    if (only.length > 0 && !only.some((word) => name.includes(word))) return [];
    const peer = all[name];
    try {
      versions.set(name, peer.version());
    } catch (error) {
      leftOut.set(name, error.message.split('\n')[0]);
      return [];
    }
    return [{ name, cannot, start: () => start(peer, generate) }];
  };
  const servers = (names, start = startHttp) =>
    Object.entries(names).flatMap(([name, cannot]) =>
      name === 'quaich' ? Object.keys(ours).flatMap((way) => server(way, cannot, start)) : server(name, cannot, start),
    );
  return { servers, versions, leftOut, generator: name };
}
