/** A gateway for tests: the engine over a transport that writes down what it gets. */
import type { BodySource, Final, ResponseHead, Transport } from '../../src/interface/transport.ts';
import type { AsyncEnviron, Environ, ErrorStream } from '../../src/interface/types.ts';
import { latin1Slice } from '../../src/rules/latin1.ts';

/** What reached the transport, in order: heads, chunks, ends. */
export type Events = string[];

const text = (chunk: Uint8Array, size: number): string => latin1Slice.call(chunk, 0, size);

export class RecordingTransport<Async extends boolean> implements Transport<Async> {
  readonly events: Events = [];
  /** Chunks as text, also those that came with a head. */
  readonly chunks: string[] = [];
  readonly over: Promise<void>;
  /** Called before each send, with its number; may throw, and for the async kind return a promise. */
  onSend: (number: number) => Promise<void> | undefined = () => undefined;
  /**
   * The send that finds the client gone, and how it says so. Later ones are ignored, and say so again where they are
   * not the last, as the contract of transports has it.
   */
  leaving: { at: number; say(): Promise<void> | undefined } | null = null;
  #sends = 0;
  #resolve: () => void = () => {};

  constructor() {
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get gone(): boolean {
    return this.leaving !== null && this.#sends > this.leaving.at;
  }

  get body(): string {
    return this.chunks.join('');
  }

  send(
    head: ResponseHead | null,
    chunk: Uint8Array | null,
    final: Final,
    size: number,
  ): Async extends true ? Promise<void> | undefined : undefined {
    const number = this.#sends++;
    const { leaving } = this;
    if (leaving !== null && number >= leaving.at) {
      // A DONE that says so has not arrived: `done` follows.
      const told = number === leaving.at || final === 0 ? leaving.say() : undefined;
      if (told === undefined && final === 2) this.done();
      return told as Async extends true ? Promise<void> | undefined : undefined;
    }
    const wait = this.onSend(number);
    if (head !== null) this.events.push(`head ${JSON.stringify(head.text)} ${head.length}`);
    if (chunk !== null) {
      this.chunks.push(text(chunk, size));
      this.events.push(`chunk ${text(chunk, size)}`);
    }
    if (final !== 0) this.events.push('end');
    if (final === 2) this.done();
    return wait as Async extends true ? Promise<void> | undefined : undefined;
  }

  abort(): void {
    if (!this.gone) this.events.push('abort');
  }

  done(): void {
    this.events.push('done');
    this.#resolve();
  }
}

/** A request body that arrives in these blocks. */
export class Blocks implements BodySource<true>, BodySource<false> {
  readonly #blocks: Uint8Array[];
  reads = 0;

  constructor(...blocks: (string | Uint8Array)[]) {
    this.#blocks = blocks.map((block) => (typeof block === 'string' ? new Uint8Array(Buffer.from(block)) : block));
  }

  read(max: number): Uint8Array | null {
    this.reads++;
    const first = this.#blocks[0];
    if (first === undefined) return null;
    if (first.length <= max) this.#blocks.shift();
    else this.#blocks[0] = first.slice(max);
    return first.slice(0, max);
  }
}

export class Lines implements ErrorStream {
  text = '';
  write(text: string): void {
    this.text += text;
  }
  writelines(lines: Iterable<string>): void {
    for (const line of lines) this.write(line);
  }
  flush(): void {}
}

/** An environ, sync but for its input and what is given. */
export function environWith(input: unknown, more: Record<string, unknown> = {}): Environ & AsyncEnviron {
  const environ: Record<string, unknown> = Object.assign(Object.create(null), {
    REQUEST_METHOD: 'GET',
    SCRIPT_NAME: '',
    PATH_INFO: '/',
    QUERY_STRING: '',
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    SERVER_PROTOCOL: 'HTTP/1.1',
    'wsgi.version': Object.freeze([1, 0]),
    'wsgi.url_scheme': 'http',
    'wsgi.input': input,
    'wsgi.errors': new Lines(),
    'wsgi.multithread': false,
    'wsgi.multiprocess': true,
    'wsgi.run_once': false,
    'wsgi.input_terminated': true,
    'quaich.async': false,
    ...more,
  });
  return environ as Environ & AsyncEnviron;
}

/** What was written to the error stream of an environ. */
export function logOf(environ: { 'wsgi.errors': ErrorStream }): string {
  return (environ['wsgi.errors'] as Lines).text;
}

/** The log without the frames of stacks, which differ. */
export function withoutFrames(log: string): string {
  return log
    .split('\n')
    .filter((line) => !/^\s+at /.test(line))
    .join('\n');
}
