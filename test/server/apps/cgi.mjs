// A CGI program: the application that its first argument names.
import { readSync } from 'node:fs';
import { runCgi } from 'quaich/gateways';

const text = (value) => [Buffer.from(value)];
const TEXT = [['Content-Type', 'text/plain']];

const applications = {
  /** Tells its environ as JSON. */
  environ(environ, startResponse) {
    startResponse('200 OK', TEXT);
    const strings = Object.entries(environ).filter(([, value]) => ['string', 'boolean'].includes(typeof value));
    return text(JSON.stringify(Object.fromEntries(strings)));
  },
  async environAsync(environ, startResponse) {
    return applications.environ(environ, startResponse);
  },
  echo(environ, startResponse) {
    startResponse('200 OK', TEXT);
    return [environ['wsgi.input'].read()];
  },
  async *echoAsync(environ, startResponse) {
    startResponse('200 OK', TEXT);
    yield await environ['wsgi.input'].read();
  },
  *large(_environ, startResponse) {
    startResponse('200 OK', TEXT);
    for (let i = 0; i < 200; i++) yield Buffer.alloc(50_000, 97 + (i % 26));
  },
  async *largeAsync(environ, startResponse) {
    yield* applications.large(environ, startResponse);
  },
  /** Whatever becomes of what it writes. */
  writes(_environ, startResponse) {
    const write = startResponse('200 OK', TEXT);
    try {
      write(Buffer.from('written'))?.catch(() => {});
    } catch {
      // goes on
    }
    return [Buffer.from('returned')];
  },
  async writesAsync(environ, startResponse) {
    return applications.writes(environ, startResponse);
  },
  *lines(environ, startResponse) {
    try {
      startResponse('200 OK', TEXT);
      for (;;) yield Buffer.alloc(50_000, 97);
    } finally {
      environ['wsgi.errors'].write('body ended\n');
    }
  },
  async *linesAsync(environ, startResponse) {
    environ['quaich.signal'].addEventListener('abort', () => environ['wsgi.errors'].write('aborted\n'));
    yield* applications.lines(environ, startResponse);
  },
  *breaks(_environ, startResponse) {
    startResponse('200 OK', TEXT);
    yield Buffer.from('half');
    throw new Error('within the body');
  },
  fails() {
    throw new Error('before the head');
  },
  leaves(environ, startResponse) {
    startResponse('200 OK', TEXT);
    const read = Buffer.from(environ['wsgi.input'].read()).toString();
    const rest = Buffer.alloc(100);
    return text(`${read}|${rest.toString('latin1', 0, readSync(0, rest))}`);
  },
  hooked: Object.assign(
    (environ, startResponse) => {
      startResponse('200 OK', TEXT);
      return text(String(environ['quaich.state'].started));
    },
    {
      startup(state) {
        state.started = true;
      },
      shutdown() {
        process.stderr.write('shut down\n');
      },
    },
  ),
};

await runCgi(applications[process.argv[2]], { iis: process.argv[3] === 'iis' });
