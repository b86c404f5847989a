// Everybody who is compared: how each is started, and whether it can be here. Each is set up as its own documentation
// recommends for production, on one core's worth of threads unless its name says otherwise.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const production = { NODE_ENV: 'production' };

/** A program for Node. */
const node = (file, ...args) => ({
  command: process.execPath,
  args: [here(file), ...args],
  env: production,
  version: () => process.version,
});

const readVersion = (path) => JSON.parse(readFileSync(path, 'utf8')).version;

/** The version of a package of the bench; fails where it is not installed. */
export const versionOf = (name) => readVersion(here(`../node_modules/${name}/package.json`));

const site = here('../apps/site.mjs');
const framework = here('../apps/frameworks/mount.mjs:app');
const mixed = here('../apps/mix.mjs');

/**
 * The ways of Quaich, from the build in `root`, in groups that take part together; their names end with `suffix`.
 *
 * @param {string} root
 */
export function quaichPeers(root, suffix = '') {
  const quaich = (...args) => ({
    command: process.execPath,
    args: [join(root, 'dist/src/cli/main.js'), '--bind', '127.0.0.1:$PORT', ...args],
    env: { ...production, ADAPTERS: pathToFileURL(join(root, 'dist/src/adapters/index.js')).href },
    version: () => readVersion(join(root, 'package.json')),
  });
  return {
    quaich: {
      [`quaich sync${suffix}`]: quaich('--sync-workers', '1', `${site}:sync`),
      [`quaich async${suffix}`]: quaich('--async-workers', '1', `${site}:asynchronous`),
      [`quaich inline${suffix}`]: quaich('--inline', `${site}:asynchronous`),
    },
    'quaich, adapters': {
      [`quaich async${suffix}`]: quaich('--async-workers', '1', framework),
      [`quaich inline${suffix}`]: quaich('--inline', framework),
    },
    'quaich, sync and async': {
      [`quaich${suffix}`]: quaich(
        ...['--sync-workers', '2', '--async-workers', '1'],
        ...[`/sync=${mixed}:sync`, `/async=${mixed}:asynchronous`],
      ),
    },
  };
}

const BUN = here('../node_modules/bun/bin/bun.exe'); // the name on every system

/** @type {Record<string, { command: string, args: string[], env?: Record<string, string>, version: () => string }>} */
export const peers = {
  'node:http': node('node-http.mjs', 'serve'),
  'own server': node('../apps/frameworks/own-server.mjs'),
  'node:http, cluster': node('node-cluster.mjs'),
  'one event loop': node('mix-node-http.mjs'),
  'Fastify and Piscina': {
    ...node('mix-piscina.mjs'),
    version: () => `${versionOf('fastify')} and ${versionOf('piscina')}`,
  },
  'raw net, parses nothing': node('raw-net.mjs'),
  'uWebSockets.js': { ...node('uws.mjs'), version: () => versionOf('@trufflesuite/uws-js-unofficial') },
  Bun: {
    command: BUN,
    args: [here('bun.mjs')],
    env: production,
    version: () => execFileSync(BUN, ['--version'], { encoding: 'utf8' }).trim(),
  },
};
