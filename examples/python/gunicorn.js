// @ts-check
/**
 * A Python application on gunicorn, beside Quaich: async. For Python code that needs what Quaich's own Python does not
 * have: threads, connections to other services, native packages. The worker with this module starts gunicorn on a Unix
 * socket that nobody else can reach, starts it again when it ends, and ends it when it ends itself. Requests and
 * responses go through as they come.
 *
 * GUNICORN_APP names the application; GUNICORN_CMD_ARGS, which gunicorn reads itself, has its settings. Each worker
 * with this module has a gunicorn: let there be one (`--async-workers 1`, or `workers: 1` in a configuration file).
 *
 *     export GUNICORN_APP=blog.wsgi:application GUNICORN_CMD_ARGS='--threads 8'
 *     npx quaich /=./gunicorn.js /events=./events.js --async-workers 1
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isHopByHop, percentEncodeBytes, sendText } from 'quaich/toolbox';

/** @import { ChildProcess } from 'node:child_process' */
/** @import { IncomingMessage, OutgoingHttpHeaders } from 'node:http' */
/** @import { AsyncEnviron, AsyncStartResponse, HeaderField } from 'quaich' */

/** What tells this process that gunicorn is ready, and gunicorn that this process has gone. */
const CONFIG = fileURLToPath(new URL('gunicorn.conf.py', import.meta.url));
/** Milliseconds before gunicorn is started again: the first time, and at most when it ends again and again. */
const PAUSE = { first: 100, most: 10_000 };
/** Milliseconds after which a gunicorn that ends had not ended "again". */
const HEALTHY = 10_000;

/**
 * How a process has come to its end, in words.
 *
 * @param {ChildProcess} child
 */
const endOf = (child) =>
  once(child, 'exit').then(
    ([code, signal]) => `ended with ${signal ?? `exit code ${code}`}`,
    (error) => `does not start: ${error.message}`,
  );

/** gunicorn as a child of this process. */
class Gunicorn {
  /** Made for its owner alone. */
  #folder = mkdtempSync(join(tmpdir(), 'quaich-gunicorn-'));
  #stopping = new AbortController();
  #application;
  /** @type {ChildProcess | undefined} */
  #child;
  /** @type {Promise<void> | undefined} */
  #kept;

  /** @param {string} application as gunicorn takes it: `blog.wsgi:application` */
  constructor(application) {
    this.#application = application;
  }

  get socketPath() {
    return join(this.#folder, 'socket');
  }

  /**
   * Starts it, and waits until it has loaded the application.
   *
   * @throws {Error} where it ends before; it has told the reason itself, on standard error
   */
  async start() {
    const { ended, pipe } = this.#run();
    const how = await Promise.race([once(pipe, 'data').then(() => ''), ended]);
    if (how !== '') {
      rmSync(this.#folder, { recursive: true, force: true });
      throw new Error(`gunicorn ${how}, before it was ready`);
    }
    this.#kept = this.#keep(ended);
  }

  /** Ends it in order: it lets its requests end first. */
  async stop() {
    this.#stopping.abort();
    this.#child?.kill('SIGTERM');
    await this.#kept;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** @returns how it comes to its end, and the pipe that it has as descriptor 3 */
  #run() {
    const child = spawn('gunicorn', ['--config', CONFIG, '--bind', `unix:${this.socketPath}`, this.#application], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
      detached: true, // Ctrl-C on a terminal is meant for Quaich, which still has requests for it
    });
    this.#child = child;
    const pipe = /** @type {import('node:net').Socket} */ (child.stdio[3]);
    pipe.on('error', () => {}); // it breaks when gunicorn ends, of which `exit` tells
    return { ended: endOf(child), pipe };
  }

  /** @param {Promise<string>} ended how the one that runs comes to its end */
  async #keep(ended) {
    const { signal } = this.#stopping;
    let begun = performance.now();
    let pause = PAUSE.first / 2;
    for (;;) {
      const how = await ended;
      if (signal.aborted) return;
      const lived = performance.now() - begun;
      pause = lived > HEALTHY ? PAUSE.first : Math.min(2 * pause, PAUSE.most);
      console.error(`gunicorn ${how}: it is started again in ${pause} ms`);
      await delay(pause, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      begun = performance.now();
      ({ ended } = this.#run());
    }
  }
}

/** @type {Gunicorn | undefined} */
let gunicorn;

export async function startup() {
  const { GUNICORN_APP: application } = process.env;
  if (!application) throw new Error('GUNICORN_APP must name the Python application, such as blog.wsgi:application');
  gunicorn = new Gunicorn(application);
  await gunicorn.start();
}

export async function shutdown() {
  await gunicorn?.stop();
}

/** The names that a Connection field adds to the fields of one connection. @param {string} [value] */
const named = (value = '') => value.split(',').map((name) => name.trim().toLowerCase());

/**
 * The target as the client wrote it. gunicorn takes the mount off its beginning, so it must stand there as it does in
 * the field SCRIPT_NAME.
 *
 * @param {AsyncEnviron} environ
 */
function target({ REQUEST_URI: uri = '', SCRIPT_NAME, PATH_INFO, QUERY_STRING: query }) {
  const mount = percentEncodeBytes(SCRIPT_NAME);
  if (uri.startsWith(`${mount}/`)) return uri;
  return `${mount}${percentEncodeBytes(PATH_INFO)}${query ? `?${query}` : ''}`;
}

/**
 * The fields of the request. What a client says of its own origin is replaced by what Quaich knows.
 *
 * @param {AsyncEnviron} environ
 * @param {boolean} hasBody
 */
function requestFields(environ, hasBody) {
  // `expect`: reading the body has answered it.
  const dropped = new Set(['expect', 'forwarded', ...named(environ.HTTP_CONNECTION)]);
  /** @type {OutgoingHttpHeaders} */
  const fields = {};
  for (const [key, value] of Object.entries(environ)) {
    if (!key.startsWith('HTTP_') || typeof value !== 'string') continue;
    const name = key.slice(5).toLowerCase().replaceAll('_', '-');
    if (!dropped.has(name) && !isHopByHop(name) && !name.startsWith('x-forwarded-')) fields[name] = value;
  }
  if (environ.CONTENT_TYPE) fields['content-type'] = environ.CONTENT_TYPE;
  if (environ.CONTENT_LENGTH) fields['content-length'] = environ.CONTENT_LENGTH;
  else if (hasBody) fields['transfer-encoding'] = 'chunked';
  if (environ.REMOTE_ADDR) fields['x-forwarded-for'] = environ.REMOTE_ADDR;
  fields['x-forwarded-proto'] = environ['wsgi.url_scheme']; // which gunicorn believes on a Unix socket
  if (environ.SCRIPT_NAME) fields.script_name = percentEncodeBytes(environ.SCRIPT_NAME);
  return fields;
}

/** The fields of the response, less those of the connection to gunicorn. @param {IncomingMessage} response */
function responseFields({ rawHeaders, headers }) {
  const dropped = new Set(['status', ...named(headers.connection)]); // Status: it would mean the status in CGI
  /** @type {HeaderField[]} */
  const fields = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at].toLowerCase();
    if (!dropped.has(name) && !isHopByHop(name)) fields.push([rawHeaders[at], rawHeaders[at + 1]]);
  }
  return fields;
}

/** @type {import('quaich/toolbox').SendOptions} */
const AWAY = { status: 503, headers: [['Retry-After', '1']] };

// Each request has a connection of its own, which costs little on a Unix socket; the sync workers of gunicorn keep
// none.
const agent = new Agent();

/**
 * @param {AsyncEnviron} environ
 * @param {AsyncStartResponse} startResponse
 */
export async function* app(environ, startResponse) {
  if (gunicorn === undefined) throw new Error('the startup hook has not run');
  const { socketPath } = gunicorn;
  const { REQUEST_METHOD: method, 'quaich.signal': signal } = environ;
  const blocks = environ['wsgi.input'].chunks()[Symbol.asyncIterator]();
  // A chunked body has no CONTENT_LENGTH: only its first block tells it from no body at all.
  const first = await blocks.next();
  const request = httpRequest({
    ...{ socketPath, agent, setHost: false, signal },
    ...{ method, path: target(environ), headers: requestFields(environ, !first.done) },
  });
  request.on('error', () => {}); // told by `once`, or by the response

  /** @type {unknown} */
  let brokenOff;
  async function* body() {
    try {
      for (let step = first; !step.done; step = await blocks.next()) yield step.value;
    } catch (error) {
      brokenOff = error; // the client's doing
      throw error;
    }
  }
  pipeline(body, request).catch(() => {}); // gunicorn may answer without reading all of it

  /** @type {IncomingMessage} */
  let response;
  try {
    [response] = await once(request, 'response');
  } catch (error) {
    if (brokenOff !== undefined) throw brokenOff;
    if (signal?.aborted) return;
    environ['wsgi.errors'].write(`no answer from gunicorn: ${error}\n`);
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    const isAway = code === 'ENOENT' || code === 'ECONNREFUSED'; // it is being started again
    return yield* sendText(startResponse, 'The application did not answer.\n', isAway ? AWAY : { status: 502 });
  }
  try {
    const { statusCode: code, statusMessage: reason } = response;
    startResponse(`${code} ${reason || 'Unknown'}`, responseFields(response));
    // A gunicorn that breaks off makes this throw, and the server breaks off in turn.
    for await (const block of response) yield block;
    if (brokenOff !== undefined) throw brokenOff;
  } finally {
    response.destroy(); // where the client has gone gunicorn learns of it so
  }
}
