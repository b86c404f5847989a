/** Clients that send or take much, slowly: what they take of the server's memory, and whom they keep waiting. */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { type Command, ended, get, ready, start } from './command.ts';

const module = fileURLToPath(new URL('./apps/deadlines.mjs', import.meta.url));
const MIB = 2 ** 20;
const CLIENTS = 24;
/** Of one body: all of them together are far more than the bound. */
const SIZE = 100 * MIB;
/** Bytes that all of them may take. */
const BOUND = 128 * MIB;
/** Milliseconds from one look to the next; what has not moved meanwhile stands still. */
const LOOK_EVERY = 500;

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

function open(url: string, head: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.write(`${head}\r\nHost: a\r\n`);
  sockets.push(socket);
  return socket;
}

/** Sends a body as fast as it is taken. */
function upload(url: string): Socket {
  const socket = open(url, 'POST /wait HTTP/1.1');
  const piece = Buffer.alloc(65_536, 'x');
  let left = SIZE;
  const send = (): void => {
    while (left > 0) {
      left -= piece.length;
      if (!socket.write(piece)) return;
    }
  };
  socket.on('drain', send).write(`Content-Length: ${SIZE}\r\n\r\n`);
  send();
  return socket;
}

/** Asks for as much, and takes nothing of it. */
function download(url: string): Socket {
  const socket = open(url, `GET /blocks?${SIZE / 65_536} HTTP/1.1`).pause();
  socket.write('\r\n');
  return socket;
}

function memoryOf({ child }: Command): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

/** Sends quick requests until nothing moves any more, and fulfils with the most memory that was seen. */
async function standstill(command: Command, url: string, moved: () => number): Promise<number> {
  let most = 0;
  for (let before = -1; before !== moved(); ) {
    before = moved();
    await sleep(LOOK_EVERY);
    most = Math.max(most, memoryOf(command));
    expect((await get(url)).status).toBe(200);
  }
  return most;
}

// Only there the system tells what a process takes.
describe.skipIf(process.platform !== 'linux').each([
  ['pooled async', []],
  ['inline', ['--inline']],
])('many clients with much: %s', (_, flags) => {
  it.each([
    ['send what nobody reads', upload, (all: Socket[]) => all.reduce((sum, socket) => sum + socket.bytesWritten, 0)],
    // What they would take stays with the system, and with the server as long as it has room.
    ['take nothing', download, () => 0],
  ])(
    'G-65 G-105 that %s take little memory, and nobody waits for them',
    async (_what, transfer, moved) => {
      const argv = ['--bind', '127.0.0.1:0', '--async-workers', '1', '--timeout-graceful', '0'];
      const command = start([`${module}:asyncApp`, ...argv, ...flags]);
      const [url] = await ready(command);
      for (let i = 0; i < 50; i++) await get(url);
      const before = memoryOf(command);
      for (let i = 0; i < CLIENTS; i++) transfer(url);
      const most = Math.max(await standstill(command, url, () => moved(sockets)), memoryOf(command));
      await sleep(LOOK_EVERY);
      expect(Math.max(most, memoryOf(command)) - before).toBeLessThan(BOUND);
      expect(sockets.filter(({ destroyed }) => destroyed)).toEqual([]);
      command.child.kill('SIGTERM');
      expect((await ended(command)).stderr).not.toContain('error');
    },
    60_000,
  );
});
