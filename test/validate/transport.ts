/** The engine with a transport that writes down what it is given. */
import { AsyncInput } from '../../src/engine/async-input.ts';
import { asyncFileWrapper, fileWrapper } from '../../src/engine/file-wrapper.ts';
import { runAsync } from '../../src/engine/run-async.ts';
import { runSync } from '../../src/engine/run-sync.ts';
import { SyncInput } from '../../src/engine/sync-input.ts';
import { ClientDisconnected } from '../../src/interface/errors.ts';
import type { BodySource, Final, ResponseHead, Transport } from '../../src/interface/transport.ts';
import type { Application, AsyncApplication, AsyncEnviron, Environ, ErrorStream } from '../../src/interface/types.ts';
import { latin1Slice } from '../../src/rules/latin1.ts';

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

/** An error stream in memory. */
export class MemoryErrors implements ErrorStream {
  text = '';
  write(text: string): void {
    this.text += text;
  }
  writelines(lines: Iterable<string>): void {
    for (const line of lines) this.text += line;
  }
  flush(): void {}
}

/** What a client would see, and what the engine said about it. */
export interface Outcome {
  head: ResponseHead | null;
  /** One entry for each send: the chunk as a native string, and whether more follows. */
  sends: [chunk: string | null, last: boolean][];
  /** Descriptors that were sent as files, with the lengths. */
  files: [descriptor: number, length: number][];
  aborted: boolean;
  errors: string;
}

function common(method: string, errors: ErrorStream) {
  return {
    REQUEST_METHOD: method,
    SCRIPT_NAME: '',
    PATH_INFO: '/path',
    QUERY_STRING: '',
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    SERVER_PROTOCOL: 'HTTP/1.1',
    'wsgi.version': [1, 0] as const,
    'wsgi.url_scheme': 'http' as const,
    'wsgi.errors': errors,
    'wsgi.multithread': false,
    'wsgi.multiprocess': false,
    'wsgi.run_once': false,
    'wsgi.input_terminated': true,
  };
}

function source(pieces: readonly string[]) {
  const rest = pieces.map(bytes).filter((piece) => piece.byteLength > 0);
  return (max: number): Uint8Array | null => {
    const piece = rest.shift();
    if (piece === undefined) return null;
    if (piece.byteLength <= max) return piece;
    rest.unshift(piece.slice(max));
    return piece.slice(0, max);
  };
}

export function syncEnviron(method = 'GET', errors: ErrorStream = new MemoryErrors(), body: string[] = []): Environ {
  const read: BodySource<false> = { read: source(body) };
  return Object.assign(Object.create(null), common(method, errors), {
    'wsgi.input': new SyncInput(read),
    'wsgi.file_wrapper': fileWrapper,
    'quaich.async': false,
  });
}

export function asyncEnviron(
  method = 'GET',
  errors: ErrorStream = new MemoryErrors(),
  body: string[] = [],
): AsyncEnviron {
  const take = source(body);
  const read: BodySource<true> = { read: async (max) => take(max) };
  return Object.assign(Object.create(null), common(method, errors), {
    'wsgi.input': new AsyncInput(read),
    'wsgi.file_wrapper': asyncFileWrapper,
    'quaich.async': true,
  });
}

class Recorder {
  readonly outcome: Outcome = { head: null, sends: [], files: [], aborted: false, errors: '' };
  readonly over: Promise<void>;
  /** The client is gone for the send with this number, counted from 0, and all later ones. */
  readonly goneAt: number;
  #resolve: () => void = () => {};

  constructor(goneAt: number) {
    this.goneAt = goneAt;
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final, size: number): undefined {
    if (this.outcome.sends.length >= this.goneAt) {
      if (final === 2) this.#resolve();
      throw new ClientDisconnected();
    }
    if (head !== null) this.outcome.head = { ...head };
    this.outcome.sends.push([chunk === null ? null : latin1Slice.call(chunk, 0, size), final !== 0]);
    if (final === 2) this.#resolve();
  }

  sendFile(head: ResponseHead, descriptor: number, length: number): undefined {
    this.outcome.head = { ...head };
    this.outcome.files.push([descriptor, length]);
  }

  abort(): void {
    this.outcome.aborted = true;
  }

  done(): void {
    this.#resolve();
  }
}

export function runSyncly(
  app: Application,
  method = 'GET',
  body: string[] = [],
  goneAt = Number.POSITIVE_INFINITY,
): Outcome {
  const errors = new MemoryErrors();
  const recorder = new Recorder(goneAt);
  runSync(app, syncEnviron(method, errors, body), recorder satisfies Transport<false>);
  return { ...recorder.outcome, errors: errors.text };
}

/** The same, with promises where the sync one throws. */
function asyncTransport(recorder: Recorder): Transport<true> {
  return {
    send(head, chunk, final, size) {
      try {
        return recorder.send(head, chunk, final, size);
      } catch (error) {
        return Promise.reject(error);
      }
    },
    async sendFile(head, descriptor, length) {
      recorder.sendFile(head, descriptor, length);
    },
    abort: () => recorder.abort(),
    done: () => recorder.done(),
  };
}

export async function runAsyncly(
  app: AsyncApplication,
  method = 'GET',
  body: string[] = [],
  goneAt = Number.POSITIVE_INFINITY,
): Promise<Outcome> {
  const errors = new MemoryErrors();
  const recorder = new Recorder(goneAt);
  runAsync(app, asyncEnviron(method, errors, body), asyncTransport(recorder));
  await recorder.over;
  return { ...recorder.outcome, errors: errors.text };
}
