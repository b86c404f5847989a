/** A server under test: a process of its own, with all that it starts, which listens on the port that it is told. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { atExit, endGroup } from './at-exit.ts';

export interface ServerCommand {
  readonly command: string;
  /** `$PORT` in an argument is replaced. */
  readonly args: readonly string[];
  /** Besides those of this process, and `PORT`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly directory?: string;
}

/** Milliseconds a server may take to listen. */
const START_LIMIT = 30_000;
/** Milliseconds between two looks whether it listens. */
const LOOK = 2;
/** Characters of a server's output that are kept, for the message when it fails. */
const KEPT = 4000;

/** A port that nobody listens on, on the loopback address. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}

export class ServerProcess {
  readonly pid: number;
  readonly port: number;
  /** Milliseconds from the start of the process until it took a connection. */
  readonly started: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<never>;

  private constructor(child: ChildProcess, pid: number, port: number, started: number, exited: Promise<never>) {
    this.#child = child;
    this.pid = pid;
    this.port = port;
    this.started = started;
    this.#exited = exited;
  }

  /**
   * Starts a server, and waits until it takes connections on its port at 127.0.0.1.
   *
   * @throws Error with what it printed, where it ends, or does not listen in time
   */
  static async start({ command, args, env, directory }: ServerCommand): Promise<ServerProcess> {
    const port = await freePort();
    const began = performance.now();
    const child = spawn(
      command,
      args.map((argument) => argument.replaceAll('$PORT', String(port))),
      {
        cwd: directory,
        env: { ...process.env, ...env, PORT: String(port) },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: process.platform !== 'win32', // a group of its own, to end all of it
      },
    );
    const forget = atExit(() => endGroup(child));
    let output = '';
    const keep = (text: Buffer) => {
      output = (output + text.toString('utf8')).slice(-KEPT);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    // Ends: with the process, which `stop` kills.
    const exited = new Promise<never>((_resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        reject(new Error(`${command} ${args.join(' ')} ended (${signal ?? code})\n${output}`));
      });
    });
    exited.catch(forget);
    const listens = async () => {
      while (!(await takesConnections(port))) {
        if (performance.now() - began > START_LIMIT) {
          throw new Error(`${command} ${args.join(' ')} does not listen after ${START_LIMIT} ms\n${output}`);
        }
        await delay(LOOK);
      }
    };
    try {
      await Promise.race([listens(), exited]);
    } catch (error) {
      endGroup(child);
      throw error;
    }
    // A process that listens has been spawned.
    return new ServerProcess(child, child.pid ?? 0, port, performance.now() - began, exited);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What `work` gives; fails as soon as the server ends. */
  during<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#exited]);
  }

  async stop(): Promise<void> {
    endGroup(this.#child);
    await this.#exited.catch(() => {});
  }
}

async function takesConnections(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
