/**
 * The calling convention: PEP 3333 for JavaScript, with its asynchronous variant.
 *
 * A native string is a JS string whose every UTF-16 unit is at most U+00FF: it stands for a byte sequence.
 */

/** One header field: name and value, native strings both. */
export type HeaderField = [name: string, value: string];

/** Header fields that nobody changes: a list of `HeaderField`s, or one that is `as const` or readonly otherwise. */
export type HeaderFields = readonly Readonly<HeaderField>[];

/**
 * Sends a block of the body ahead of the returned iterable (PEP 3333, The write() Callable). Blocks under backpressure.
 */
export type Write = (chunk: Uint8Array) => void;

/** As `Write`; the promise settles when the transport wants more and rejects when the client has gone (B-09). */
export type AsyncWrite = (chunk: Uint8Array) => Promise<void>;

type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9';
type StatusLine = `${'2' | '3' | '4' | '5'}${Digit}${Digit} ${string}`;

/**
 * A status as it may be written. Of a literal the compiler sees whether it is three digits from 200 to 599, a space and
 * a reason phrase (G-88, G-89); the space is there also where the phrase is empty, `'200 '`. For any other it names
 * what it has expected, which is all that it can say: a text of ours would not be the same in two copies of the
 * package. A `string`, or a template with a part that is not known, passes: `startResponse` checks it (G-87). The two
 * are told apart by a record with the status as its key: it asks for a property where that is a literal, and for none
 * where it may be any string.
 */
export type Status<S extends string> = Record<never, 1> extends Record<S, 1> ? S : StatusLine;

/**
 * `startResponse` by the `write` that it gives. A method, since methods are compared less strictly: what a middleware
 * puts in the place of `startResponse` may be declared with the narrower types that it gets, `HeaderField[]` and
 * `Error`.
 */
interface Responding<W> {
  /**
   * Stores the head of the response and transmits nothing (G-80).
   *
   * @param status `'200 OK'`: three digits, a space, a reason phrase
   * @param headers an array of `[name, value]` pairs; checked during the call (G-87) and copied (G-96)
   * @param error what was caught, and made a second call necessary (PEP 3333: exc_info): an Error, or the call throws
   *   (G-85). Thrown back where the head has been sent already (G-84)
   */
  startResponse<const S extends string>(status: Status<S>, headers: HeaderFields, error?: unknown): W;
}

/** Stores the head of the response and transmits nothing (G-80). */
export type StartResponse = Responding<Write>['startResponse'];

/** As `StartResponse`; itself synchronous (B-08). */
export type AsyncStartResponse = Responding<AsyncWrite>['startResponse'];

/** The request body for a sync application: every method blocks until it can answer (G-51 to G-63). */
export interface InputStream extends Iterable<Uint8Array> {
  /** `size` bytes, fewer only at the end; without a size, or with -1, the rest (G-56, G-57). */
  read(size?: number | null): Uint8Array;
  /** Bytes up to and including the next LF, or the rest; at most `size` bytes (G-58). */
  readline(size?: number | null): Uint8Array;
  /** Whole lines until their size reaches `hint` bytes; without a hint all of them (G-59). */
  readlines(hint?: number | null): Uint8Array[];
}

/** The request body for an async application. Overlapping reads are served in call order (B-10). */
export interface AsyncInputStream extends AsyncIterable<Uint8Array> {
  /** `size` bytes, fewer only at the end; without a size, or with -1, the rest (G-56, G-57). */
  read(size?: number | null): Promise<Uint8Array>;
  /** Bytes up to and including the next LF, or the rest; at most `size` bytes (G-58). */
  readline(size?: number | null): Promise<Uint8Array>;
  /** Whole lines until their size reaches `hint` bytes; without a hint all of them (G-59). */
  readlines(hint?: number | null): Promise<Uint8Array[]>;
  /** The body block by block as it arrives (B-11). */
  chunks(): AsyncIterable<Uint8Array>;
  /** The body as a web stream of bytes (B-11). */
  stream(): ReadableStream<Uint8Array>;
}

/** Where an application reports errors; synchronous in both conventions (G-70, B-12). */
export interface ErrorStream {
  /** Writes the text as it is; a line ends by its own `\n`. */
  write(text: string): void;
  /** Writes all of the lines, as they are. */
  writelines(lines: Iterable<string>): void;
  /** Returns when what was written has been handed on. */
  flush(): void;
}

/** What `wsgi.file_wrapper` takes (G-160). */
export interface FileLike {
  /** The next bytes, at most `size`; none at the end. */
  read(size: number): Uint8Array;
  /** Called once, however the response ends. */
  close?(): void;
  /** A descriptor of a regular file at the current position: lets the gateway send the file itself. */
  readonly fd?: number;
}

export interface AsyncFileLike {
  read(size: number): Promise<Uint8Array> | Uint8Array;
  close?(): void | Promise<void>;
  readonly fd?: number;
}

/** A `FileHandle` of `node:fs/promises`, as far as `wsgi.file_wrapper` knows it; the wrapper closes it. */
export interface FileHandleLike {
  readonly fd: number;
  read(...options: never[]): Promise<unknown>;
  stat(): Promise<unknown>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * `wsgi.file_wrapper` of the sync convention: takes a descriptor too, which the wrapper owns and closes (G-160 to
 * G-163, U-08).
 */
export type FileWrapper = (file: FileLike | FileHandleLike | number, blockSize?: number) => Body;

/** `wsgi.file_wrapper` of the async convention. */
export type AsyncFileWrapper = (
  file: FileLike | AsyncFileLike | FileHandleLike | number,
  blockSize?: number,
) => AsyncIterable<Uint8Array> & { close?(): void | Promise<void> };

interface CommonEnviron {
  /** The method as the client wrote it, such as `GET` (G-10). */
  REQUEST_METHOD: string;
  /** Where the application is mounted: `''` at the root, else such as `/blog`, without a slash at its end (G-11). */
  SCRIPT_NAME: string;
  /**
   * The rest of the path, percent-decoded, a unit for each byte; `pathText` of the toolbox has it as text (G-12, G-15).
   */
  PATH_INFO: string;
  /** What follows the first `?`, as the client wrote it; `''` without one (G-18). */
  QUERY_STRING: string;
  /**
   * The host that the request arrived at, by its address or its name; what the client asked for is HTTP_HOST (G-24).
   */
  SERVER_NAME: string;
  /** The port that it arrived at, in digits (G-24). */
  SERVER_PORT: string;
  /** The version of the request, such as `HTTP/1.1` (G-25). */
  SERVER_PROTOCOL: string;
  /** Name and version of the server (G-37). */
  SERVER_SOFTWARE?: string;
  /** `CGI/1.1` (G-37). */
  GATEWAY_INTERFACE?: string;
  /** The request target as the client wrote it, percent escapes and query included (G-19). */
  REQUEST_URI?: string;
  /** The address of the client; behind a proxy that is trusted, what that says of it (G-37). */
  REMOTE_ADDR?: string;
  /** The port of the client, in digits (G-37). */
  REMOTE_PORT?: string;
  /** The field Content-Type of the request, where it has one (G-26). */
  CONTENT_TYPE?: string;
  /** The bytes of the body in digits, where the client has announced them (G-27). */
  CONTENT_LENGTH?: string;
  /** `on` under TLS, else absent (G-38). */
  HTTPS?: string;
  /** The field Host: which site the client asks for. Any text that it likes (G-29). */
  HTTP_HOST?: string;
  /** The cookies of the request in one line; `cookies` of the toolbox reads it (G-30). */
  HTTP_COOKIE?: string;
  /** The version of the convention (G-40). */
  'wsgi.version': readonly [1, 0];
  /** Of the URL that the client asks for (G-41). */
  'wsgi.url_scheme': 'http' | 'https';
  /** Where the application reports errors: the log of the server (G-70). */
  'wsgi.errors': ErrorStream;
  /** Whether the application may be called again on this thread before it is done with this request (G-43). */
  'wsgi.multithread': boolean;
  /** Whether other workers have the application too, each with modules of its own (G-44). */
  'wsgi.multiprocess': boolean;
  /** Whether the application is called once in its life, as under CGI (G-45). */
  'wsgi.run_once': boolean;
  /** Input ends by itself, chunked bodies included (G-46). */
  'wsgi.input_terminated'?: boolean;
  /** The peer is on a Unix socket; absent elsewhere (G-182). */
  'quaich.unix_socket'?: true;
  /** The address of the peer, where REMOTE_ADDR may be that of a client behind it (G-210). */
  'quaich.peer_address'?: string;
  /** What the startup hook of this worker left (L-06). */
  'quaich.state'?: Record<string, unknown>;
  /** Milliseconds that the request has waited for the application; there only where the owner wants it (L-48). */
  'quaich.queue_time'?: number;
  /** Sends a 103 ahead of the response; there only where the owner of the server wants it (G-152). */
  'quaich.early_hints'?: EarlyHints;
  /** A header field of the request: that of `X-Name` is `HTTP_X_NAME`; several of one name are joined (G-29, G-30). */
  [key: `HTTP_${string}`]: string | undefined;
  /** Under TLS: what is known of the connection and of the client's certificate (G-38). */
  [key: `SSL_${string}`]: string | undefined;
  /** What servers, middleware and the setting `env` have added. */
  [key: string]: unknown;
}

/**
 * Sends a 103 response with these fields, `Link` above all, which a client may use while the response is in the making.
 * Ignored for HTTP/1.0, once the head was sent, and where the client is slow.
 *
 * @throws ApplicationError for what `startResponse` would refuse too, and for a Content-Length
 */
export type EarlyHints = (headers: HeaderFields) => void;

/** The request, for a sync application. A plain object with null prototype, new for every request (G-04, G-05). */
export interface Environ extends CommonEnviron {
  /** The body of the request; reads block (G-42). */
  'wsgi.input': InputStream;
  /** Makes the body of a response of a file, which the server may send by itself (G-160). */
  'wsgi.file_wrapper'?: FileWrapper;
  /** The application is called by the sync convention (G-47). */
  'quaich.async': false;
  /** Whether the client has gone; works without an event loop (B-37). */
  'quaich.client_disconnected'?: () => boolean;
}

/** The request, for an async application. */
export interface AsyncEnviron extends CommonEnviron {
  /** The body of the request; reads give promises (G-42). */
  'wsgi.input': AsyncInputStream;
  /** Makes the body of a response of a file, which the server may send by itself (G-160). */
  'wsgi.file_wrapper'?: AsyncFileWrapper;
  /** The application is called by the async convention (G-47). */
  'quaich.async': true;
  /**
   * Aborts when the client has left (ClientDisconnected) or the server gives up on the request (RequestAborted), as it
   * does with a stream of events when it stops (G-48, L-71). Give it to whatever waits.
   */
  'quaich.signal'?: AbortSignal;
}

/** The body of a response: any iterable of byte chunks; `close` is called exactly once at the end (G-111). */
export type Body = Iterable<Uint8Array> & { close?(): void };

export type AsyncBody = (AsyncIterable<Uint8Array> | Iterable<Uint8Array>) & { close?(): void | Promise<void> };

/** A sync application: may block, runs one request at a time on a worker thread. */
export type Application = ((environ: Environ, startResponse: StartResponse) => Body) & Lifespan;

/** An async application: runs many requests at a time on one event loop. */
export type AsyncApplication = ((
  environ: AsyncEnviron,
  startResponse: AsyncStartResponse,
) => AsyncBody | Promise<AsyncBody>) &
  Lifespan;

/** Optional hooks, as properties of the application or exports of its module (L-01). */
export interface Lifespan {
  /**
   * Runs in every worker before its first request, and never on a thread that only finds out what a module is. What it
   * puts into `state` each request finds in `quaich.state` (L-02, L-06). A worker where it throws does not serve.
   */
  startup?(state: Record<string, unknown>): void | Promise<void>;
  /** Runs once for each startup that was completed, when the worker has ended its last request (L-09). */
  shutdown?(state: Record<string, unknown>): void | Promise<void>;
}

/** Middleware for sync applications. */
export type SyncMiddleware = (app: Application) => Application;

/** Middleware for async applications. */
export type AsyncMiddleware = (app: AsyncApplication) => AsyncApplication;

/**
 * The environ of an application that is written where it is handed over, such as `compress()(async (environ) => …)`.
 * The compiler has to know it before it has read the application, which tells the convention; so it has what either
 * convention has. Where the two differ, reads give what the sync one gives, for which an async application may wait all
 * the same.
 */
export interface InPlaceEnviron extends CommonEnviron {
  /** The body of the request (G-42). */
  'wsgi.input': InputStream & AsyncInputStream;
  /** Makes the body of a response of a file (G-160). */
  'wsgi.file_wrapper'?: FileWrapper & AsyncFileWrapper;
  /** Not known here. */
  'quaich.async': never;
  /** Of the sync convention (B-37). */
  'quaich.client_disconnected'?: () => boolean;
  /** Of the async convention (G-48). */
  'quaich.signal'?: AbortSignal;
}

/** `startResponse` of an application that is written where it is handed over; its `write` may be awaited. */
export type InPlaceStartResponse = AsyncStartResponse & StartResponse;

/** An application of either convention: one that is declared, or one that is written where it is handed over. */
export type InPlaceApplication = ((
  environ: InPlaceEnviron,
  startResponse: InPlaceStartResponse,
) => Body | AsyncBody | Promise<AsyncBody>) &
  Lifespan;

/**
 * The application that a function is: as it is declared, and else by what it returns. Of several in a union, each.
 */
export type ApplicationOf<F extends (...args: never[]) => unknown> = F extends unknown
  ? [F] extends [Application]
    ? Application
    : [F] extends [AsyncApplication]
      ? AsyncApplication
      : [ReturnType<F>] extends [Body]
        ? Application
        : AsyncApplication
  : never;

/**
 * Middleware for both conventions: what it returns is of the kind of what it was given (B-03, M-18), lifespan hooks
 * included (L-14).
 */
export type Middleware = <A extends InPlaceApplication>(app: A) => ApplicationOf<A>;

/** How an application is called. Known before the first call (B-01). */
export type Kind = 'sync' | 'async';
