/**
 * Standard output and error of the process. Their readers may leave or stop reading, and the disk behind them may be
 * full: text is lost then, and nothing else. Worker threads write past these streams (`writeOutputDirectly`).
 */

/** Bytes that may wait for a reader; what comes beyond them is dropped. */
const MOST_WAITING = 1024 * 1024;

function ignore(): void {}

/**
 * Keeps errors of a stream from ending the process, for good. What `console` does against them does not suffice: Node
 * pipes the streams of worker threads into those of the process, and a pipe that breaks passes the error on.
 */
export function surviveErrors(stream: NodeJS.EventEmitter): void {
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
}

/** Whether so much waits for the reader of a stream that more text is to be dropped. */
export function isStuck(sink: object): boolean {
  return 'writableLength' in sink && typeof sink.writableLength === 'number' && sink.writableLength > MOST_WAITING;
}

/** Keeps a stream of the process from ending it and from filling its memory. Only for the owner of the process. */
export function guardStream(stream: NodeJS.WriteStream): void {
  surviveErrors(stream);
  const { write } = stream;
  stream.write = (...given: unknown[]): boolean => {
    if (!isStuck(stream)) return Reflect.apply(write, stream, given);
    const done = given.at(-1);
    if (typeof done === 'function') process.nextTick(done);
    return false;
  };
}
