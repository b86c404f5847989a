import { close, constants, fstatSync, open, write } from 'node:fs';
import { type Logger, pino } from 'pino';
import { ConfigurationError } from '../interface/errors.ts';
import { surviveErrors } from './standard-streams.ts';

/** The facts of a finished request. The log keeps nothing of it, so one record may be used again and again. */
export interface AccessRecord {
  /** `''` for a peer without one, as on a Unix socket. */
  remoteAddress: string;
  method: string;
  /** As received. */
  target: string;
  /** `HTTP/1.1` */
  protocol: string;
  status: number;
  /** Bytes of the body, framing not counted. */
  bytes: number;
  /** Milliseconds from the head of the request to the last byte of the response; fractions are kept. */
  durationMs: number;
  /** Native strings; `''` where the field is absent. */
  referer: string;
  userAgent: string;
  /** Milliseconds since 1970. */
  time: number;
}

export type AccessLogFormat = 'common' | 'combined' | 'json';

/** Anything that takes text: a stream of Node, or an object of the owner's. */
export interface TextSink {
  write(text: string): unknown;
}

export interface AccessLogSettings {
  format: AccessLogFormat;
  /** A path, or `-` for standard output; `stream` goes before it. */
  file?: string;
  stream?: TextSink;
  /**
   * Called with what went wrong and how many lines were lost: at once, then every ten seconds while it goes on, and at the
   * end. Nothing is ever thrown at the server.
   */
  onError?: (error: Error) => void;
}

export interface AccessLog {
  /** Lines lost so far: the destination failed, or was too slow for the memory allowed. */
  readonly dropped: number;
  /** Takes one request. Formats at once, writes later: many lines travel in one call of the system. Never throws. */
  write(record: AccessRecord): void;
  /** Opens the file anew, under the same name: what log rotation needs. Nothing happens for other destinations. */
  reopen(): void;
  /** Writes what is left, for at most a second, and closes the file. */
  close(): Promise<void>;
}

/** Text that may wait for a slow destination, in characters; what goes beyond is dropped and counted. */
const MAX_WAITING = 4 * 1024 * 1024;
const MAX_BATCH = 64 * 1024;
const CLOSE_LIMIT_MS = 1000;
const RETRY_MS = 50;
const TELL_MS = 10_000;

/**
 * Opens an access log. The formats common and combined are those of the Apache server with the duration in
 * milliseconds as one more field at the end; JSON lines come from pino.
 *
 * @throws ConfigurationError when the file cannot be opened
 */
export async function openAccessLog(settings: AccessLogSettings): Promise<AccessLog> {
  const losses = new Losses(settings.onError);
  return new BatchedAccessLog(settings.format, await openDestination(settings, losses), losses);
}

async function openDestination(settings: AccessLogSettings, losses: Losses): Promise<Destination> {
  if (settings.stream) return new StreamDestination(settings.stream, losses);
  if (settings.file !== undefined && settings.file !== '-') {
    const path = settings.file;
    // Ends: with the call of the system, which does not block (see openLog).
    const descriptor = await new Promise<number>((resolve, reject) => {
      openLog(path, (error, opened) => (error ? reject(notOpened(path, error)) : resolve(opened)));
    });
    return new FileDestination(descriptor, path, losses);
  }
  // A write to a pipe that nobody empties would hold a thread of libuv's pool, and with it the end of the process:
  // process.stdout polls there. For a file it would block this thread, so files go to the pool.
  return fstatSync(1).isFile() ? new FileDestination(1, null, losses) : new StreamDestination(process.stdout, losses);
}

/** Non-blocking, so that a FIFO without a reader is an error and not a wait without end. */
function openLog(path: string, done: (error: Error | null, descriptor: number) => void): void {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK = 0 } = constants;
  open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o644, done);
}

function notOpened(path: string, error: Error): ConfigurationError {
  return new ConfigurationError(`cannot open the access log ${path}: ${error.message}`, { cause: error });
}

/** Counts lost lines, and reports them: a log with holes must not pass for a whole one. */
class Losses {
  lines = 0;
  #told = 0;
  #reason = '';
  /** Runs until the next report is allowed. */
  #timer: NodeJS.Timeout | undefined;
  readonly #report: ((error: Error) => void) | undefined;

  constructor(report: ((error: Error) => void) | undefined) {
    this.#report = report;
  }

  add(lines: number, reason: string): void {
    this.lines += lines;
    this.#reason = reason;
    if (this.#timer === undefined) this.#tell();
  }

  /** Reports what was lost since the last report. */
  finish(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#reason !== '') this.#tell();
  }

  #tell(): void {
    const lost = this.lines - this.#told;
    const reason = this.#reason;
    this.#told = this.lines;
    this.#reason = '';
    this.#timer = setTimeout(() => this.finish(), TELL_MS).unref();
    this.#report?.(new Error(lost === 0 ? reason : `lines lost: ${lost} (${reason})`));
  }
}

const TOO_SLOW = 'the destination takes them too slowly';
const BROKEN = 'the destination takes none any more';

interface Destination {
  write(text: string, lines: number): void;
  reopen(): void;
  close(): Promise<void>;
}

class BatchedAccessLog implements AccessLog {
  readonly #destination: Destination;
  readonly #losses: Losses;
  readonly #format: AccessLogFormat;
  readonly #json: Logger | undefined;
  readonly #flush = (): void => this.#send();
  #text = '';
  #lines = 0;
  #closed = false;

  constructor(format: AccessLogFormat, destination: Destination, losses: Losses) {
    this.#format = format;
    this.#destination = destination;
    this.#losses = losses;
    if (format === 'json') {
      // The time is the record's own. Level and time stay numbers, as pino's tools expect them: half the cost of text.
      this.#json = pino(
        { base: null, timestamp: false },
        { write: (line: string) => this.#add(visibleControls(line)) },
      );
    }
  }

  get dropped(): number {
    return this.#losses.lines;
  }

  write(record: AccessRecord): void {
    if (this.#closed) {
      this.#losses.add(1, 'the log is closed');
      return;
    }
    if (this.#json) this.#json.info(jsonFields(record));
    else this.#add(commonLine(record, this.#format === 'combined'));
  }

  reopen(): void {
    this.#send();
    this.#destination.reopen();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#send();
    await this.#destination.close();
    this.#losses.finish();
  }

  #add(line: string): void {
    if (this.#lines === 0) setImmediate(this.#flush);
    this.#text += line;
    this.#lines++;
    if (this.#text.length >= MAX_BATCH) this.#send();
  }

  #send(): void {
    if (this.#lines === 0) return;
    const text = this.#text;
    const lines = this.#lines;
    this.#text = '';
    this.#lines = 0;
    this.#destination.write(text, lines);
  }
}

/** Writes to a descriptor on libuv's pool, one write at a time. */
class FileDestination implements Destination {
  readonly #path: string | null;
  readonly #losses: Losses;
  readonly #written = (error: Error | null, bytes: number): void => this.#afterWrite(error, bytes);
  #descriptor: number;
  #waiting = '';
  #waitingLines = 0;
  #chunk: Buffer | null = null;
  #chunkLines = 0;
  #offset = 0;
  #torn = false;
  #opening = false;
  #opened: number | null = null;
  #onIdle: (() => void) | null = null;

  constructor(descriptor: number, path: string | null, losses: Losses) {
    this.#descriptor = descriptor;
    this.#path = path;
    this.#losses = losses;
  }

  write(text: string, lines: number): void {
    if (this.#waiting.length + text.length > MAX_WAITING) {
      this.#losses.add(lines, TOO_SLOW);
      return;
    }
    this.#waiting += text;
    this.#waitingLines += lines;
    this.#next();
  }

  reopen(): void {
    const path = this.#path;
    if (path === null || this.#opening) return;
    this.#opening = true; // what comes from here on waits for the new file
    openLog(path, (error, descriptor) => {
      this.#opening = false;
      if (error) this.#losses.add(0, notOpened(path, error).message);
      else this.#opened = descriptor;
      this.#next();
    });
  }

  async close(): Promise<void> {
    if (this.#chunk || this.#opening) {
      let timer: NodeJS.Timeout | undefined;
      // Ends: when all is written, and after CLOSE_LIMIT_MS.
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
        timer = setTimeout(resolve, CLOSE_LIMIT_MS);
      });
      clearTimeout(timer);
    }
    if (this.#chunk || this.#opening) {
      // Not closed: a write may still use the descriptor.
      this.#losses.add(this.#chunkLines + this.#waitingLines, TOO_SLOW);
    } else if (this.#path !== null) {
      await closeQuietly(this.#descriptor);
    }
  }

  #next(): void {
    if (this.#chunk || this.#opening) return;
    if (this.#opened !== null) {
      closeQuietly(this.#descriptor);
      this.#descriptor = this.#opened;
      this.#opened = null;
      this.#torn = false;
    }
    if (this.#waitingLines === 0) {
      this.#onIdle?.();
      return;
    }
    // After a failure in the middle of a line the next one still begins on a line of its own.
    this.#chunk = Buffer.from(this.#torn ? `\n${this.#waiting}` : this.#waiting);
    this.#chunkLines = this.#waitingLines;
    this.#offset = 0;
    this.#waiting = '';
    this.#waitingLines = 0;
    this.#writeChunk(this.#chunk);
  }

  #writeChunk(chunk: Buffer): void {
    write(this.#descriptor, chunk, this.#offset, chunk.length - this.#offset, null, this.#written);
  }

  #afterWrite(error: Error | null, bytes: number): void {
    const chunk = this.#chunk;
    if (!chunk) return;
    if (error) {
      if (Reflect.get(error, 'code') === 'EAGAIN') {
        setTimeout(() => this.#writeChunk(chunk), RETRY_MS).unref();
        return;
      }
      this.#losses.add(this.#chunkLines, error.message);
      this.#torn ||= this.#offset > 0;
    } else {
      this.#offset += bytes;
      if (this.#offset < chunk.length) {
        this.#writeChunk(chunk);
        return;
      }
      this.#torn = false;
    }
    this.#chunk = null;
    this.#chunkLines = 0;
    this.#next();
  }
}

function closeQuietly(descriptor: number): Promise<void> {
  // Ends: with the call of the system. Nothing is left to be done about a failure here.
  return new Promise((resolve) => close(descriptor, () => resolve()));
}

/** Writes to a stream, or to whatever else the owner gave. */
class StreamDestination implements Destination {
  readonly #sink: TextSink;
  readonly #losses: Losses;
  readonly #failed = (error: Error): void => this.#losses.add(0, error.message);
  /** Lines that a stream has not passed on yet. */
  #pending = 0;

  constructor(sink: TextSink, losses: Losses) {
    this.#sink = sink;
    this.#losses = losses;
    if (isStream(sink)) sink.on('error', this.#failed);
  }

  write(text: string, lines: number): void {
    const sink = this.#sink;
    try {
      if (!isStream(sink)) {
        sink.write(text);
      } else if (!sink.writable || sink.writableLength + text.length > MAX_WAITING) {
        this.#losses.add(lines, sink.writable ? TOO_SLOW : BROKEN);
      } else {
        this.#pending += lines;
        sink.write(text, (error) => {
          this.#pending -= lines;
          if (error) this.#losses.add(lines, error.message);
        });
      }
    } catch (error) {
      this.#losses.add(lines, error instanceof Error ? error.message : String(error));
    }
  }

  reopen(): void {}

  async close(): Promise<void> {
    const sink = this.#sink;
    if (!isStream(sink)) return;
    // A pipe that breaks after the close of this log must not end the process either.
    surviveErrors(sink);
    sink.off('error', this.#failed);
    if (!sink.writable || sink.writableLength === 0) return;
    // Ends: when all is written, and after CLOSE_LIMIT_MS.
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CLOSE_LIMIT_MS);
      sink.write('', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    if (this.#pending > 0) this.#losses.add(this.#pending, TOO_SLOW);
  }
}

function isStream(sink: TextSink): sink is NodeJS.WriteStream {
  return 'on' in sink && typeof sink.on === 'function' && 'writableLength' in sink;
}

/** Apache's way (G-73): quotes, backslashes and all that is not printable ASCII as `\"`, `\\` and `\xHH`. */
function escaped(text: string): string {
  if (text === '') return '-';
  if (!/[^ -~]|["\\]/.test(text)) return text;
  return text.replace(/[^ -~]|["\\]/g, (found) => {
    const unit = found.charCodeAt(0);
    if (unit === 0x22 || unit === 0x5c) return `\\${found}`;
    return unit < 0x100 ? `\\x${hex(unit, 2)}` : `\\u${hex(unit, 4)}`;
  });
}

/** For a place without quotes: no blanks either. */
function escapedWord(text: string): string {
  return escaped(text).replaceAll(' ', '\\x20');
}

function hex(unit: number, digits: number): string {
  return unit.toString(16).padStart(digits, '0');
}

function commonLine(record: AccessRecord, combined: boolean): string {
  const { remoteAddress, method, target, protocol, status, bytes, durationMs } = record;
  const visitor = combined ? ` "${escaped(record.referer)}" "${escaped(record.userAgent)}"` : '';
  return `${escapedWord(remoteAddress)} - - ${clfTime(record.time)} "${escaped(method)} ${escaped(target)} ${escaped(
    protocol,
  )}" ${status} ${bytes || '-'}${visitor} ${milliseconds(durationMs)}\n`;
}

function milliseconds(duration: number): number {
  return Math.round(duration * 1000) / 1000;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
let clfSecond = Number.NaN;
let clfText = '';

/** `[10/Oct/2000:13:55:36 -0700]`, in the zone of the machine; made once a second. */
function clfTime(time: number): string {
  const second = Math.floor(time / 1000);
  if (second !== clfSecond) {
    clfSecond = second;
    const at = new Date(second * 1000);
    const offset = -at.getTimezoneOffset();
    const zone = `${offset < 0 ? '-' : '+'}${two(Math.trunc(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
    const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
    clfText = `[${two(at.getDate())}/${MONTHS[at.getMonth()]}/${at.getFullYear()}:${clock} ${zone}]`;
  }
  return clfText;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}

function jsonFields(record: AccessRecord): Record<string, unknown> {
  return {
    time: record.time,
    remoteAddress: record.remoteAddress || undefined,
    method: record.method,
    target: unicode(record.target),
    protocol: record.protocol,
    status: record.status,
    bytes: record.bytes,
    durationMs: milliseconds(record.durationMs),
    referer: record.referer ? unicode(record.referer) : undefined,
    userAgent: record.userAgent ? unicode(record.userAgent) : undefined,
  };
}

/** A native string stands for bytes; people read what those bytes mean in UTF-8. */
function unicode(native: string): string {
  return /[\x80-\xff]/.test(native) ? Buffer.from(native, 'latin1').toString() : native;
}

/**
 * JSON escapes C0 controls only. A terminal obeys DEL and C1 as well, some readers end a line at U+2028, and what is invisible
 * or turns the direction of text makes a line look like another (G-73).
 */
function visibleControls(line: string): string {
  if (!/[^\n -~]/.test(line)) return line;
  return line.replace(/[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    Array.from({ length: found.length }, (_, at) => `\\u${hex(found.charCodeAt(at), 4)}`).join(''),
  );
}
