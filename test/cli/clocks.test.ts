/** Which clock a duration goes by, and what a clock that jumps does to limits. */
import { readdirSync, readFileSync } from 'node:fs';
import type net from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ConnectionInfo } from '../../src/environ/variables.ts';
import type { Connection } from '../../src/protocols/connection.ts';
import { WAIT_LINGERING } from '../../src/protocols/host.ts';
import { Parser } from '../../src/protocols/http/parser.ts';
import { Acceptor } from '../../src/server/accept.ts';
import { limitsByWait } from '../../src/server/deadlines.ts';
import { Gateway } from '../../src/server/gateway.ts';
import { noAccessLog } from '../../src/server/log/access-log.ts';
import { type SocketContext, SocketHost } from '../../src/server/socket-host.ts';
import { Turn } from '../../src/server/turn.ts';

const NO_LIMITS = { timeoutKeepAlive: 0, timeoutHead: 0, timeoutBody: 0, timeoutSend: 0, timeoutQueue: 0 };
const root = new URL('../../', import.meta.url);

/** Lines that ask for the time of day, and why. Durations go by `performance.now()`. */
const TIME_OF_DAY: Record<string, string> = {
  'src/server/gateway.ts: const time = Date.now();': 'the time in the access log',
  'src/server/report.ts: const now = new Date().toISOString();': 'the time in the error log',
  'src/server/gateway.ts: const now = Date.now();': 'the Date field',
  'src/cli/messages.ts: const message = { level: number, time: Date.now(), msg: text, ...fields };':
    'the time of a message',
  'src/cli/dev/certificate.ts: const left = Date.parse(certificate.validTo) - Date.now();':
    'how long a certificate holds',
  'src/cli/dev/certificate.ts: notAfterDate: new Date(Date.now() + LIFETIME * DAY_MS),': 'how long a certificate holds',
  'src/cli/bench/bench.ts: date: new Date().toISOString(),': 'when a bench was run',
  'src/python/image.ts: const now = Date.now() / 1000;': 'when a file was used, in any process',
  'src/python/image.ts: const before = Date.now() - UNUSED;': 'the same',
  'src/middleware/session.ts: const { now = () => Date.now() / 1000 } = options;': 'a cookie outlives this process',
  'src/testing/cookie-jar.ts: return maxAge === undefined ? expires !== undefined && expires.getTime() <= Date.now() : maxAge <= 0;':
    'a cookie may name the time at which it ends',
};

describe('the source', () => {
  it('asks for the time of day only where a time of day is meant', () => {
    const found: string[] = [];
    for (const folder of ['src/', 'workers/']) {
      for (const file of readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })) {
        if (!/\.[mc]?[jt]s$/.test(file)) continue;
        for (const line of readFileSync(new URL(folder + file, root), 'utf8').split('\n')) {
          if (/Date\.now|(?<![\w.])Date\(\)/.test(line)) found.push(`${folder}${file}: ${line.trim()}`);
        }
      }
    }
    expect(found.filter((line) => !(line in TIME_OF_DAY))).toEqual([]);
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("the gateway's clock", () => {
  it('moves with every tick, whatever happens to the time of day, and a tick that is late counts as two', async () => {
    let steady = 1000;
    vi.spyOn(performance, 'now').mockImplementation(() => steady);
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
    const parser = new Parser();
    const turn = new Turn();
    const gateway = new Gateway({
      parser,
      turn,
      acceptor: await Acceptor.create(parser.bytes, false),
      routes: [],
      connection: {
        ...{ serverLine: '', limitBody: 0, pipelined: 1, keepAlive: true },
        variables: { size: 0, count: 0 },
      },
      deadlines: NO_LIMITS,
      accessLog: noAccessLog,
      maxConnections: 1,
      onDefect() {},
    });
    const begun = turn.now;
    const tick = (after: number) => {
      steady += after;
      vi.advanceTimersToNextTimer();
      return turn.now - begun;
    };
    expect(tick(250)).toBe(250);
    vi.setSystemTime(Date.now() + 3_600_000);
    expect(tick(260)).toBe(510);
    vi.setSystemTime(0);
    expect(tick(250)).toBe(760);
    expect(tick(3_600_000)).toBe(1260); // the process was stopped for an hour
    await gateway.close(0);
  });
});

describe('lingering', () => {
  const info: ConnectionInfo = {
    remoteAddress: '::1',
    remotePort: '',
    serverName: '::1',
    serverPort: '',
    scheme: 'http',
    unixSocket: false,
  };

  /** When a client that sends a byte every `pause` milliseconds behind the last response is dropped. */
  function dropped(pause: number, lingerLimit: number): number {
    let [time, ended] = [0, -1];
    const connection = {
      waitingFor: WAIT_LINGERING,
      get progress() {
        return Math.floor(time / pause);
      },
      expired: () => {
        ended = time;
      },
    };
    const socket = { on() {}, isPaused: () => false } as unknown as net.Socket;
    const context = {
      acceptor: { adopt: () => socket },
      limits: limitsByWait(NO_LIMITS),
      lingerLimit,
    };
    // What a linger needs of them stands above.
    const host = new SocketHost(socket, info, context as unknown as SocketContext, () => {
      return connection as unknown as Connection;
    });
    for (; ended < 0 && time < 100_000; time += 250) host.checkDeadline(time);
    return ended;
  }

  it('G-64 ends 5 s after the last byte, and after 30 s however the client goes on', () => {
    expect(dropped(200_000, 30_000)).toBe(5000);
    expect(dropped(1000, 30_000)).toBe(30_000);
    expect(dropped(1000, 2000)).toBe(2000);
  });
});
