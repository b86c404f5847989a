// @ts-check
/**
 * The examples in one table: the configuration mounts them from it, and the index page links them from it.
 */
import { createRequire } from 'node:module';

/**
 * @typedef {object} Example
 * @property {string} prefix where it is mounted
 * @property {string} module relative to this folder
 * @property {string} [name] the export, where it is not `app`
 * @property {'sync' | 'async'} kind
 * @property {string[]} traits what it does to the thread it runs on
 * @property {string} title
 * @property {string} text
 * @property {string[]} links paths below the prefix
 * @property {string} [needs] a package that Quaich does not bring along
 * @property {number} [workers] of its own, so that no others have to hold what it needs
 */

/** @type {Example[]} */
const all = [
  {
    prefix: '/late',
    module: './late.js',
    kind: 'sync',
    traits: ['blocking', 'SQL'],
    title: 'How late is the clock?',
    text: 'A query sleeps inside SQLite, and the page draws how late a clock is meanwhile.',
    links: ['/'],
  },
  {
    prefix: '/ssr',
    module: './ssr.js',
    kind: 'sync',
    traits: ['CPU-bound'],
    title: 'Server-side rendering',
    text: 'A page with a long table, rendered with Preact on every request. More rows, more work.',
    links: ['/', '/?rows=2000'],
    needs: 'preact-render-to-string',
  },
  {
    prefix: '/guestbook',
    module: './guestbook.js',
    kind: 'sync',
    traits: ['blocking', 'SQL'],
    title: 'Guest book in SQLite',
    text: 'Forms and a JSON API over one database file that all workers share, and a query that takes its time.',
    links: ['/', '/api', '/?slow=5'],
    needs: 'node-sqlite3-wasm',
  },
  {
    prefix: '/python',
    module: './python/guestbook.py',
    kind: 'sync',
    traits: ['Python', 'SQL'],
    title: 'The guest book in Python',
    text: 'A WSGI application of Python, by Pyodide on two workers of its own, with the same database file.',
    links: ['/', '/api'],
    needs: 'pyodide',
    workers: 2,
  },
  {
    prefix: '/upload',
    module: './upload.js',
    kind: 'sync',
    traits: ['blocking', 'streaming in'],
    title: 'Upload with SHA-256',
    text: 'Reads a body of any size block by block, as it arrives, and answers with its digest.',
    links: ['/'],
  },
  {
    prefix: '/events',
    module: './events.js',
    kind: 'async',
    traits: ['streaming out'],
    title: 'Server-Sent Events',
    text: 'A clock that ticks for as long as the client listens, and says how late each tick was.',
    links: ['/', '/stream'],
  },
  {
    prefix: '/proxy',
    module: './proxy.js',
    kind: 'async',
    traits: ['streaming both ways'],
    title: 'Streaming proxy',
    text: 'Passes requests and responses on, block by block, to the one server it is configured for.',
    links: ['/', '/slow', '/echo'],
  },
  {
    prefix: '/download',
    module: './download.js',
    kind: 'sync',
    traits: ['file wrapper'],
    title: 'File download',
    text: 'Leaves the sending of a file to the server, through wsgi.file_wrapper.',
    links: ['/'],
  },
  {
    prefix: '/demo',
    module: './demo.js',
    kind: 'sync',
    traits: [],
    title: 'environ',
    text: 'The demo application: prints what the server told it about the request.',
    links: ['/', '/a%20path?and=query'],
  },
  {
    prefix: '/demo-async',
    module: './demo.js',
    name: 'asyncApp',
    kind: 'async',
    traits: [],
    title: 'environ, async',
    text: 'The same for the asynchronous convention. Compare the two.',
    links: ['/'],
  },
];

const require = createRequire(import.meta.url);

/** @param {string} name */
function isInstalled(name) {
  try {
    require.resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** Those that can be served here: all of them, where this is a clone of the project. */
export const examples = all.filter(({ needs }) => needs === undefined || isInstalled(needs));
