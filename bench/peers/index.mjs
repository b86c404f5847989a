// Everybody who is compared: how each is started, and whether it can be here. Each is set up as its own documentation
// recommends for production, on one core's worth of threads unless its name says otherwise.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { PACKAGES } from '../apps/python/content.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const production = { NODE_ENV: 'production' };

/** A program for Node. */
const node = (file, ...args) => ({
  command: process.execPath,
  args: [here(file), ...args],
  env: production,
  version: () => process.version,
});

/** What a program says about its version; fails where it is not installed. */
function programVersion(command) {
  try {
    return execFileSync(command, ['--version'], { encoding: 'utf8' }).trim();
  } catch (error) {
    if (error.code === 'ENOENT') throw new Error('not installed on this machine');
    throw error;
  }
}

/** A program for Python, run in the folder of its applications. */
const python = (command, ...args) => ({
  command,
  args,
  env: { PYTHONDONTWRITEBYTECODE: '1' },
  directory: here('python'),
  version: () => programVersion(command),
});

const gunicorn = (...args) => python('gunicorn', '--bind', '127.0.0.1:$PORT', ...args, 'wsgi');

export const readVersion = (path) => JSON.parse(readFileSync(path, 'utf8')).version;

/** The version of a package of the bench; fails where it is not installed. */
export const versionOf = (name) => readVersion(here(`../node_modules/${name}/package.json`));

const site = here('../apps/site.mjs');
const framework = here('../apps/frameworks/mount.mjs:app');
const mixed = here('../apps/mix.mjs');
const wsgi = here('python/wsgi.py');

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
  /** With applications in Python, of the packages that gunicorn and uWSGI use, too. */
  const inPython = (...args) => ({
    ...quaich('--python-path', PACKAGES, ...args, wsgi),
    version: () => {
      const [own, pyodide] = ['package.json', 'node_modules/pyodide/package.json'].map((file) =>
        readVersion(join(root, file)),
      );
      return `${own} on Pyodide ${pyodide}`;
    },
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
    'quaich, Python': { [`quaich, Python${suffix}`]: inPython('--sync-workers', '1') },
    'quaich, Python, 2 workers': { [`quaich, Python, 2 workers${suffix}`]: inPython('--sync-workers', '2') },
    'quaich, Python, preloaded': {
      [`quaich, Python, preloaded${suffix}`]: inPython('--sync-workers', '1', '--python-preload'),
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
    version: () => programVersion(BUN),
  },
  Fastify: { ...node('fastify.mjs'), version: () => versionOf('fastify') },
  h3: { ...node('h3.mjs'), version: () => `${versionOf('h3')} on srvx ${versionOf('srvx')}` },
  'gunicorn, sync': gunicorn('--workers', '1'),
  'gunicorn, gthread': gunicorn('--workers', '1', '--worker-class', 'gthread', '--threads', '4'),
  'gunicorn, 2 sync': gunicorn('--workers', '2'),
  'gunicorn, 2 gthread': gunicorn('--workers', '2', '--worker-class', 'gthread', '--threads', '4'),
  uvicorn: python(
    ...['uvicorn', '--host', '127.0.0.1', '--port', '$PORT', '--no-access-log', '--loop', 'uvloop'],
    ...['--http', 'httptools', 'asgi:application'],
  ),
  uWSGI: python(
    ...['uwsgi', '--plugins', 'http,python3', '--http', '127.0.0.1:$PORT', '--http-keepalive', '--master'],
    ...['--processes', '1', '--need-app', '--die-on-term', '--disable-logging', '--wsgi-file', 'wsgi.py'],
  ),
};
