/** The files of docs/deploy, with the addresses and paths of a test in place of those of a machine. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The fenced text of that name on a page of docs/deploy. */
export function snippet(page: string, name: string): string {
  const text = readFileSync(join(root, 'docs/deploy', `${page}.md`), 'utf8');
  for (const [, named, content] of text.matchAll(/^```\w+ (\S+)\n([\s\S]*?)^```$/gm))
    if (named === name) return content;
  throw new Error(`docs/deploy/${page}.md has no ${name}`);
}

/**
 * A text with others in the place of parts of it; each part has to occur, so that pages do not drift away from tests.
 */
export function changed(text: string, changes: Readonly<Record<string, string>>): string {
  for (const [from, to] of Object.entries(changes)) {
    if (!text.includes(from)) throw new Error(`no ${JSON.stringify(from)} in what is to be changed`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/**
 * Three bytes of IPv4 addresses of the loopback interface that this process has for itself, so that a server has its
 * port again after a restart.
 */
export const NET = `127.${100 + ((process.pid >> 8) % 100)}.${process.pid % 256}`;

/** Whether a program is there; says so in the output of the tests where it is not. */
export function isInstalled(program: string, ...args: string[]): boolean {
  const found = process.platform === 'linux' && spawnSync(program, args).status === 0;
  if (!found) console.log(`${[program, ...args].join(' ')} does not run here: the tests with it are skipped.`);
  return found;
}

/**
 * The folder of the application that all pages of docs/deploy serve, with the command where npm would put it. It lies
 * within the project, where `import 'quaich'` finds the built package.
 */
export class SiteFolder {
  readonly path: string;

  /** @param settings changes of the configuration file */
  constructor(settings: Readonly<Record<string, string>> = {}) {
    mkdirSync(join(root, 'build'), { recursive: true });
    this.path = mkdtempSync(join(root, 'build', 'deploy-'));
    chmodSync(this.path, 0o755); // the users of images and units read it
    const changes = { '10.0.0.10': '127.0.0.1', ...settings };
    this.write('quaich.config.mjs', changed(snippet('README', 'quaich.config.mjs'), changes));
    cpSync(fileURLToPath(new URL('./apps/deployed.mjs', import.meta.url)), join(this.path, 'application.js'));
    mkdirSync(join(this.path, 'node_modules/.bin'), { recursive: true });
    const main = join(root, 'dist/src/cli/main.js');
    chmodSync(main, 0o755); // as npm does when it installs
    symlinkSync(main, this.command);
  }

  get command(): string {
    return join(this.path, 'node_modules/.bin/quaich');
  }

  /** @returns the path of the file */
  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Milliseconds that a start may take on a machine that does much else. */
export const LONG = 60_000;

const running = new Set<Program>();

/** Ends all programs, with those that they have started. */
export async function endAll(): Promise<void> {
  await Promise.all(
    [...running].map(({ child, ended }) => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      return ended;
    }),
  );
}

/** A program that runs until the test ends it, with a process group of its own. */
export class Program {
  readonly child: ChildProcess;
  /** What it has written. */
  said = '';
  /** The exit code; null where a signal ended it, or where it did not start. */
  readonly ended: Promise<number | null>;

  constructor(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    running.add(this);
    this.ended = once(this.child, 'exit')
      .then(
        ([code]) => code,
        (error) => {
          this.said += error;
          return null;
        },
      )
      .finally(() => running.delete(this));
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (block: Buffer) => {
        this.said += block;
      });
  }

  /** @returns when the program accepts connections there */
  async listens(address: string): Promise<this> {
    const [host, port] = address.split(':');
    await vi.waitFor(
      async () => {
        if (this.child.exitCode !== null) throw new Error(`ended early: ${this.said}`);
        const socket = connect(Number(port), host);
        await once(socket, 'connect').finally(() => socket.destroy());
      },
      { timeout: LONG, interval: 20 },
    );
    return this;
  }

  /** @returns when the program has written this */
  says(text: string): Promise<void> {
    return vi.waitFor(
      () => {
        if (!this.said.includes(text)) throw new Error(`not yet ${text}: ${this.said}`);
      },
      { timeout: LONG, interval: 10 },
    );
  }

  end(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal);
    return this.ended;
  }
}
