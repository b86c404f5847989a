/** The request body over bridges: on demand, block by block as it arrives, and not one line at a time. */
import { fileURLToPath } from 'node:url';
import { type Application, type Server, serve } from 'quaich';
import { limitBody } from 'quaich/middleware';
import { asyncToSync } from 'quaich/shim';
import { validator } from 'quaich/validate';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runSync } from '../../dist/src/engine/run-sync.js';
import { SyncInput } from '../../dist/src/engine/sync-input.js';
import { Blocks, environWith, logOf, RecordingTransport } from '../shim/gateway.ts';
import { Client } from './client.ts';

const module = fileURLToPath(new URL('./apps/bridged.mjs', import.meta.url));
const started: Application[] = [];

afterEach(async () => {
  for (const app of started.splice(0)) await app.shutdown?.({});
});

function bridge(name: string): Application {
  const app = asyncToSync(`${module}:${name}`);
  started.push(app);
  return app;
}

function run(app: Application, input: unknown, more: Record<string, unknown> = {}) {
  const environ = environWith(input, { REQUEST_METHOD: 'POST', ...more });
  const { 'wsgi.errors': errors } = environ; // the validator replaces it
  const transport = new RecordingTransport<false>();
  runSync(app, environ, transport);
  return { transport, body: transport.body, log: logOf({ 'wsgi.errors': errors }) };
}

/** A sync input as others make it: the methods of the interface, and a count of what was asked of them. */
class PlainInput {
  readonly asked: string[] = [];
  readonly #input: SyncInput;

  constructor(...blocks: string[]) {
    this.#input = new SyncInput(new Blocks(...blocks));
  }

  read(size?: number | null): Uint8Array {
    this.asked.push(`read ${size}`);
    return this.#input.read(size);
  }

  readline(size?: number | null): Uint8Array {
    this.asked.push(`readline ${size}`);
    return this.#input.readline(size);
  }

  readlines(hint?: number | null): Uint8Array[] {
    return this.#input.readlines(hint);
  }

  [Symbol.iterator](): Iterator<Uint8Array> {
    return this.#input[Symbol.iterator]();
  }
}

describe('input of an async application behind asyncToSync', () => {
  it('B-55 is read on demand, its end reported always', () => {
    const source = new Blocks('one', 'two');
    expect(run(bridge('echo'), new SyncInput(source)).body).toBe('onetwo');
    const untouched = new Blocks('never');
    run(bridge('asyncInfo'), new SyncInput(untouched));
    expect(untouched.reads).toBe(0);
  });

  it('B-55 no more is read than CONTENT_LENGTH where input does not end by itself', () => {
    const more = { 'wsgi.input_terminated': false, CONTENT_LENGTH: '5' };
    for (const input of [new SyncInput(new Blocks('onetwo')), new PlainInput('onetwo')]) {
      expect(run(bridge('echo'), input, more).body).toBe('onetw');
    }
  });

  it.each(['blocks', 'streams'])('B-11 comes in the blocks in which it arrives (%s)', (name) => {
    const source = new Blocks('one', 'two', 'x'.repeat(70_000));
    const body = run(bridge(name), new SyncInput(source)).body;
    expect(body.match(/\[\w+\]/g)?.map((block) => block.length - 2)).toEqual([3, 3, 65_536, 70_000 - 65_536]);
  });

  it.each([
    ['limitBody', limitBody({ maximum: 100 })],
    ['the validator', (app: Application) => validator(app, { kind: 'sync' })],
  ])('B-11 comes so through %s', (_name, wrap) => {
    const app = wrap(bridge('blocks'));
    const { body, log } = run(app, new SyncInput(new Blocks('one', 'two')));
    expect(log).toBe('');
    expect(body).toBe('[one][two]');
  });

  it('B-11 the limit of limitBody holds for blocks too', () => {
    const { transport, log } = run(
      limitBody({ maximum: 5 })(bridge('streams')),
      new SyncInput(new Blocks('one', 'two')),
    );
    expect(transport.events[0]).toContain('413');
    expect(log).toBe('');
  });

  it('B-55 a thousand lines that have arrived take two questions, not a thousand', () => {
    const source = new Blocks('a line\n'.repeat(1000));
    expect(run(bridge('lines'), new SyncInput(source)).body).toBe('1000');
    expect(source.reads).toBe(2);
  });

  it('B-55 an input that cannot tell what has arrived is asked for lines and sizes, so that nobody waits for more', () => {
    const line = new PlainInput('first\nsecond\n');
    expect(run(bridge('oneLine'), line).body).toBe('first\n');
    expect(line.asked).toEqual(['readline 65536']);
    const all = new PlainInput('first\nsecond\n');
    expect(run(bridge('echo'), all).body).toBe('first\nsecond\n');
    expect(all.asked.every((question) => question === 'read 65536')).toBe(true);
  });

  it('B-55 what the application yields goes out before its caller blocks for the client', () => {
    const order: string[] = [];
    const source = new Blocks('body');
    const read = source.read.bind(source);
    source.read = (max) => {
      order.push('read');
      return read(max);
    };
    const environ = environWith(new SyncInput(source));
    const transport = new RecordingTransport<false>();
    transport.onSend = () => void order.push('send');
    runSync(bridge('answersWhileReading'), environ, transport);
    expect(transport.chunks).toEqual(['ready', 'body']);
    expect(order.slice(0, 2)).toEqual(['send', 'read']);
  });
});

describe('over a server', () => {
  let server: Server;

  beforeAll(async () => {
    server = await serve({
      apps: [
        { prefix: '/blocks', module, export: 'blocksSync' },
        { prefix: '/line', module, export: 'oneLineSync' },
        { prefix: '/unread', module, export: 'info' },
      ],
      bind: '127.0.0.1:0',
      syncWorkers: 1,
      bufferSmallBody: 0,
    });
  });

  afterAll(() => server.close());

  it('B-11 a client gets an answer to each block before it sends the next', async () => {
    const client = new Client(server.url);
    client.send('POST /blocks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (const text of ['one', 'two', 'six']) {
      client.send(`3\r\n${text}\r\n`);
      expect(await client.until((received) => received.includes(`[${text}]`))).toContain(`[${text}]`);
    }
    client.send('0\r\n\r\n').socket.end();
    expect(await client.all()).toMatch(/0\r\n\r\n$/);
  });

  it('B-55 a line is there as soon as its end is', async () => {
    const client = new Client(server.url);
    client.send('POST /line HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nfirst\nsec');
    expect(await client.until((received) => received.includes('first\n'))).toContain('first\n');
    client.socket.destroy();
  });

  it('G-67 100 Continue goes with the first read, and not without one', async () => {
    const ask = (path: string): Client =>
      new Client(server.url).send(
        `POST ${path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n`,
      );
    const reading = ask('/blocks');
    expect(await reading.until((received) => received !== '')).toMatch(/^HTTP\/1\.1 100 /);
    reading.send('one');
    expect(await reading.all()).toContain('[one]');
    expect(await ask('/unread').all()).toMatch(/^HTTP\/1\.1 200 /);
  });
});
