/**
 * The side of JavaScript of runner.py. A request crosses the border with two calls at most, if its response is small:
 * one that writes its variables into the memory of Python and runs the application, and one that closes the body. What
 * a call answers is a number; head and chunk are read where they lie. Nothing is made for it that would have to be
 * destroyed.
 */
import '../rules/latin1.ts';
import { writeOutput } from '../engine/error-stream.ts';
import { breakThread, isGivenUp } from '../engine/thread-state.ts';
import { ApplicationError, requestOver } from '../interface/errors.ts';
import { READ_BLOCK, readsBlocks } from '../interface/read-block.ts';
import type { Application, Body, Environ, HeaderField, StartResponse, Write } from '../interface/types.ts';
import { chunkOf } from '../rules/body.ts';
import { copyBytes } from '../rules/bytes.ts';
import { InterpreterLost, PythonError } from './errors.ts';
import type { Image } from './image.ts';
import { startInterpreter } from './interpreter.ts';
import { ownFunctions } from './own-functions.ts';
import type { EmscriptenModule, Python, RunnerModule } from './pyodide.ts';
import { PythonBody } from './python-body.ts';
import type { PythonSettings } from './settings.ts';
import { Shapes } from './shapes.ts';
import { MemorySnapshot } from './snapshot.ts';

// What a call answers; runner.py has the same numbers.
const COMPLETE = 0;
const END = 2;
const FILE = 3;
const FAILED = 4;
const REFUSED = 5;

// Places in its WORDS.
const HEAD = 0;
const HEAD_LENGTH = 1;
const BODY = 2;
const BODY_LENGTH = 3;
const DESCRIPTOR = 4;
const BLOCK_SIZE = 5;
const WORDS = 6;

const SIGINT = 2;

/** An interpreter with the applications of one module. */
export class Runner {
  readonly #python: Python;
  readonly #program: EmscriptenModule;
  /** Of exceptions of Python. When the interpreter is lost, Pyodide throws where it is asked for anything. */
  readonly #exception: Python['ffi']['PythonError'];
  readonly #runner: Pick<RunnerModule, 'run' | 'step' | 'close' | 'wake' | 'load' | 'run_hook'>;
  /** Addresses in its memory: of the bytes for what goes in, and of the words for what comes out. */
  readonly #input: number;
  readonly #inputSize: number;
  readonly #output: number;
  /** Views of its memory, which moves when it grows. */
  #heap: Uint8Array = new Uint8Array(0);
  #bytes: Buffer = Buffer.alloc(0);
  #words: Uint32Array = new Uint32Array(WORDS);
  readonly #shapes: Shapes;
  /** Of the request in progress; null between requests. */
  #environ: Environ | null = null;
  #startResponse: StartResponse | null = null;
  #write: Write | null = null;
  /** Counts requests: a body belongs to one. */
  #request = 0;
  /** What JavaScript threw while Python called it. */
  #thrown: unknown = null;
  #isInterrupted = false;
  /** Python is on the stack. */
  #isRunning = false;
  /** Why nothing is run any more; null: all is well. */
  #lost: InterpreterLost | null = null;

  private constructor(python: Python) {
    // What runner.py says of itself.
    const module = python.pyimport('_quaich') as RunnerModule;
    this.#python = python;
    this.#program = python._module;
    this.#exception = python.ffi.PythonError;
    // Each look at a function of Python makes a proxy of it.
    const { run, step, close, add_shape, forget_shapes, wake, load, run_hook } = module;
    this.#runner = { run, step, close, wake, load, run_hook };
    this.#shapes = new Shapes({ add_shape, forget_shapes });
    const place = (memory: RunnerModule['IN']): readonly [address: number, size: number] => {
      const view = memory.getBuffer('u8');
      const found = [view.data.byteOffset, view.data.byteLength] as const;
      view.release();
      memory.destroy();
      return found;
    };
    [this.#input, this.#inputSize] = place(module.IN);
    [this.#output] = place(module.WORDS_MEMORY);
  }

  /** Makes an interpreter of an image. */
  static async start(image: Image, settings: PythonSettings, isPattern = false): Promise<Runner> {
    const { directory, path, site, roots, memory } = settings;
    const { pyodide, program, library, pycache } = image;
    const python = await startInterpreter({
      ...{ pyodide, program, isPattern, roots, memory },
      snapshot: new MemorySnapshot(image.memory),
    });
    const runner = new Runner(python);
    runner.#connect();
    const { pid, env: environ } = process;
    runner.#call(() => runner.#runner.wake(JSON.stringify({ directory, path, site, environ, library, pycache, pid })));
    return runner;
  }

  /** Imports a module. @returns what runner.py says of it, in JSON */
  load(file: string, module: string, name: string): string {
    return this.#call(() => this.#runner.load(file, module, name));
  }

  /** Runs a lifespan hook of the module. @throws PythonError */
  hook(stage: 'startup' | 'shutdown'): void {
    if (this.#lost !== null) return;
    const failure = this.#call(() => this.#runner.run_hook(stage));
    if (failure !== undefined) throw new PythonError(failure);
  }

  /** Lets go of all that an image cannot hold, and gives what it is to be made of. */
  disconnect(): Python {
    this.#python.runPython('import _quaich_repairs; _quaich_repairs.disconnect(); None');
    return this.#python;
  }

  /** Files that Python has open. */
  get openFiles(): number {
    return this.#program.FS.streams.filter((stream, descriptor) => stream && descriptor > 2).length;
  }

  /** An application of the module, by its number. */
  application(application: number): Application {
    return (environ, startResponse) => this.#run(application, environ, startResponse);
  }

  #connect(): void {
    const host = this.#host();
    this.#python.globals.set('host_functions', host);
    this.#python.runPython(
      'import _quaich_repairs; _quaich_repairs.connect(host_functions); del host_functions, _quaich_repairs; None',
    );
    const asked = (): number => this.#interrupt();
    // Not memory that somebody writes to: so an interrupt meets the request that it is for, and no other.
    this.#python.setInterruptBuffer({
      get 0() {
        return asked();
      },
      set 0(_signal: number) {},
    });
  }

  /** What Python calls. Nothing may be thrown through it. */
  #host(): Record<string, (...parameters: never[]) => unknown> {
    return {
      read: (most: number, line: boolean) => this.#attempt(() => this.#read(most, line)),
      write: () => this.#attempt(() => this.#written()),
      error: (text: string) => this.#error(text),
      values: () => JSON.stringify(Object.values(textsOf(this.#environ ?? {}))),
      disconnected: () => this.#environ?.['quaich.client_disconnected']?.() === true,
      hints: (fields: string) => this.#hint(fields),
      ...ownFunctions,
    };
  }

  /** -1 where something was thrown, which is kept. */
  #attempt(action: () => number): number {
    try {
      return action();
    } catch (error) {
      this.#thrown = error;
      return -1;
    }
  }

  #read(most: number, line: boolean): number {
    const input = this.#environ?.['wsgi.input'];
    if (input === undefined) throw new ApplicationError('wsgi.input was read after the end of its request');
    // Python waits meanwhile, so that its memory stays where it is.
    const target = this.#memory().subarray(this.#input, this.#input + most);
    // A replaced input may have no more than the methods of the interface; a line is not to wait for what follows it.
    const given = readsBlocks(input) ? input[READ_BLOCK](most, target) : line ? input.readline(most) : input.read(most);
    if (given === null) return 0;
    const block = chunkOf(given, -1);
    if (block.length > most) throw new RangeError(`wsgi.input gave ${block.length} bytes where ${most} were asked for`);
    if (block.buffer !== target.buffer) copyBytes(target, 0, block);
    return block.length;
  }

  #written(): number {
    const chunk = this.#take(COMPLETE);
    this.#write?.(chunk);
    return 0;
  }

  #error(text: string): void {
    const errors = this.#environ?.['wsgi.errors'];
    if (errors === undefined) writeOutput(2, Buffer.from(text));
    else errors.write(text);
  }

  /** The message of an error; undefined where there is none. */
  #hint(fields: string): string | undefined {
    try {
      this.#environ?.['quaich.early_hints']?.(JSON.parse(fields));
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** The signal that Python is to get, once for a request that the server has given up. */
  #interrupt(): number {
    if (this.#environ === null || this.#isInterrupted || !isGivenUp()) return 0;
    this.#isInterrupted = true;
    return SIGINT;
  }

  /**
   * Calls Python.
   *
   * @throws PythonError, and never what Pyodide throws, whose stack is a line of a megabyte; InterpreterLost
   */
  #call<T>(action: () => T): T {
    this.#assertIdle();
    this.#isRunning = true;
    try {
      return action();
    } catch (error) {
      if (error instanceof this.#exception) throw new PythonError(error.message.trimEnd());
      this.#lost = new InterpreterLost(error);
      breakThread();
      throw this.#lost;
    } finally {
      this.#isRunning = false;
    }
  }

  #assertIdle(): void {
    if (this.#lost !== null) throw this.#lost;
    if (this.#isRunning) throw new ApplicationError('a Python application was called while it runs');
  }

  #memory(): Buffer {
    const { HEAPU8 } = this.#program;
    if (HEAPU8 !== this.#heap) {
      this.#heap = HEAPU8;
      this.#bytes = Buffer.from(HEAPU8.buffer);
      this.#words = new Uint32Array(HEAPU8.buffer, this.#output, WORDS);
    }
    return this.#bytes;
  }

  #run(application: number, environ: Environ, startResponse: StartResponse): Body {
    this.#assertIdle();
    // Of a request whose body nobody has closed.
    if (this.#environ !== null) this.#abandon();
    let names = '';
    let values = '';
    for (const name in environ) {
      const value = environ[name];
      if (typeof value !== 'string') continue;
      names += `${name}\0`;
      values += `${value}\0`;
    }
    const shape = this.#shapes.of(environ, names.slice(0, -1));
    // Where they do not fit, Python finds too few, and asks for them.
    const { length } = values.length > this.#inputSize ? '' : values;
    this.#memory().latin1Write(values, this.#input, length);
    this.#environ = environ;
    this.#startResponse = startResponse;
    this.#request++;
    this.#thrown = null;
    this.#isInterrupted = false;
    try {
      const answer = this.#call(() => this.#runner.run(application, shape, Math.max(length - 1, 0)));
      const chunk = this.#take(answer);
      if (answer === COMPLETE) {
        this.#forget();
        return [chunk];
      }
      if (answer === FILE) return this.#file(environ);
      return new PythonBody(this, this.#request, answer === END ? null : chunk);
    } catch (error) {
      this.#abandon();
      throw error;
    }
  }

  /** Reads what an answer has left, and starts the response where there is a head. @returns a chunk, or an empty one */
  #take(answer: number): Uint8Array {
    const memory = this.#memory();
    const words = this.#words;
    const head = words[HEAD];
    if (answer === FAILED) throw new PythonError(memory.toString('utf8', head, head + words[HEAD_LENGTH]));
    if (answer === REFUSED) throw this.#thrown;
    if (words[HEAD_LENGTH] > 0) this.#start(memory.latin1Slice(head, head + words[HEAD_LENGTH]));
    return this.#heap.slice(words[BODY], words[BODY] + words[BODY_LENGTH]);
  }

  #start(head: string): void {
    const [status, ...texts] = head.split('\0');
    const fields: HeaderField[] = [];
    for (let index = 0; index < texts.length; index += 2) fields.push([texts[index], texts[index + 1]]);
    this.#write = this.#startResponse?.(status, fields) ?? null;
  }

  /** A body that the server may send itself. */
  #file(environ: Environ): Body {
    const body = new PythonBody(this, this.#request, undefined);
    const fd = this.#program.FS.getStream(this.#words[DESCRIPTOR])?.nfd;
    const wrapper = environ['wsgi.file_wrapper'];
    if (fd === undefined || wrapper === undefined) return body;
    const read = (): Uint8Array => body.next().value ?? new Uint8Array(0);
    return wrapper({ fd, read, close: () => body.close() }, this.#words[BLOCK_SIZE]);
  }

  /** The next chunk of the body of a request; null at its end. */
  step(request: number): Uint8Array | null {
    if (request !== this.#request || this.#environ === null) throw requestOver();
    const answer = this.#call(() => this.#runner.step());
    const chunk = this.#take(answer);
    return answer === END ? null : chunk;
  }

  /** Closes the body of a request, which is over then. */
  close(request: number): void {
    if (request !== this.#request || this.#environ === null) return;
    try {
      if (this.#lost !== null) return;
      const answer = this.#call(() => this.#runner.close());
      if (answer !== END) this.#take(answer);
    } finally {
      this.#forget();
    }
  }

  /** Closes what there is of a request that has failed. */
  #abandon(): void {
    try {
      this.close(this.#request);
    } catch {
      // What led to it is told.
    }
  }

  #forget(): void {
    this.#environ = null;
    this.#startResponse = null;
    this.#write = null;
    this.#thrown = null;
  }
}

/** The variables of an environ. */
function textsOf(environ: Partial<Environ>): Record<string, string> {
  const texts: Record<string, string> = Object.create(null);
  for (const name in environ) {
    const value = environ[name];
    if (typeof value === 'string') texts[name] = value;
  }
  return texts;
}
