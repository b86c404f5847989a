/** B-45: which responses to slow clients are kept, and which are broken off. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Exchange, type ResponseConnection } from '../../src/protocols/exchange.ts';
import { RESPONSE_BROKEN } from '../../src/protocols/states.ts';
import { type HeldRequest, SlowClients } from '../../src/server/slow-clients.ts';

const MEBIBYTE = 2 ** 20;

/** A response whose client takes so many bytes a second; `relieve` finds space, or none. */
class Response implements HeldRequest {
  readonly exchange = new Exchange({} as ResponseConnection, 0, true, true, false); // no call comes to it
  isBehind = true;
  relieved = 0;
  readonly shown: string;
  readonly rate: number;
  readonly hasSpace: boolean;

  constructor(shown: string, rate: number, hasSpace = false) {
    this.shown = shown;
    this.rate = rate;
    this.hasSpace = hasSpace;
  }

  relieve(): boolean {
    this.relieved++;
    if (this.hasSpace) this.isBehind = false;
    return this.hasSpace;
  }

  breakOff(): void {
    this.exchange.state = RESPONSE_BROKEN;
  }

  get isBroken(): boolean {
    return this.exchange.state === RESPONSE_BROKEN;
  }
}

let responses: Response[] = [];
let waiting = 1;
let reports: string[] = [];
let clients: SlowClients;

beforeEach(() => {
  vi.useFakeTimers();
  waiting = 1;
  reports = [];
  clients = new SlowClients(
    () => responses,
    () => waiting,
    (_level, message) => reports.push(message),
  );
});

afterEach(() => {
  vi.useRealTimers();
});

/** Lets time pass, in which the clients take what they take. */
function pass(milliseconds: number): void {
  for (let time = 0; time < milliseconds; time += 10) {
    for (const { exchange, isBehind, rate } of responses) if (isBehind) exchange.sent += rate / 100;
    vi.advanceTimersByTime(10);
  }
}

const broken = () => responses.filter(({ isBroken }) => isBroken).map(({ shown }) => shown);

describe('SlowClients', () => {
  it('B-45 keeps a response once its worker has waited for the client at two looks', () => {
    responses = [new Response('a', 1000, true)];
    clients.watch();
    pass(90);
    expect(responses[0].relieved).toBe(0);
    pass(20);
    expect(responses[0].relieved).toBe(1);
    pass(10_000);
    expect([responses[0].relieved, broken()]).toEqual([1, []]);
  });

  it('B-45 looks at nobody while nobody waits', () => {
    responses = [new Response('a', 1000)];
    waiting = 0;
    clients.watch();
    pass(10_000);
    expect([responses[0].relieved, broken()]).toEqual([0, []]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('B-45 breaks off the slow response of which least was sent, where there is no space for two seconds', () => {
    responses = [new Response('a', 1000), new Response('b', 1000), new Response('c', 1000)];
    for (const [at, { exchange }] of responses.entries()) exchange.sent = [3, 1, 2][at] * MEBIBYTE;
    clients.watch();
    pass(1900);
    expect(broken()).toEqual([]);
    pass(200);
    expect(broken()).toEqual(['b']);
    expect(reports).toEqual([expect.stringMatching(/^b is broken off: .*limitSpool.*B-45/)]);
  });

  it('B-45 breaks off as many as requests wait, and more where their workers do not come free', () => {
    responses = [1, 2, 3, 4].map((at) => new Response(String(at), 1000));
    clients.watch();
    pass(3900);
    expect(broken()).toHaveLength(1);
    waiting = 2;
    pass(100);
    expect(broken()).toHaveLength(2);
    responses = responses.filter(({ isBroken }) => !isBroken);
    clients.moved();
    waiting = 1;
    pass(1900);
    expect(broken()).toEqual([]);
    pass(200);
    expect(broken()).toHaveLength(1);
    pass(2200);
    expect(broken()).toHaveLength(2);
  });

  it('B-45 does not count those who were cut by others', () => {
    responses = [new Response('a', 1000), new Response('b', 1000)];
    responses[0].breakOff();
    clients.watch();
    pass(2200);
    expect(broken()).toEqual(['a', 'b']);
  });

  it('B-45 leaves clients alone that take a MiB a second, also where that is seen in windows', () => {
    const fast = new Response('a', MEBIBYTE);
    const inWindows = new Response('b', 0);
    responses = [fast, inWindows];
    clients.watch();
    for (let second = 0; second < 20; second++) {
      pass(970);
      inWindows.exchange.sent += 0.95 * MEBIBYTE;
    }
    expect(broken()).toEqual([]);
  });

  it('B-45 sees that a client has become slow, however fast it was', () => {
    responses = [new Response('a', 0)];
    clients.watch();
    for (let second = 0; second < 10; second++) {
      pass(1000);
      responses[0].exchange.sent += 1000 * MEBIBYTE;
    }
    expect(broken()).toEqual([]);
    pass(2100);
    expect(broken()).toEqual(['a']);
  });

  it('B-45 breaks none off while workers take requests that last', () => {
    responses = [new Response('a', 1000)];
    clients.watch();
    for (let time = 0; time < 10; time++) {
      responses[1] = new Response('b', 1000);
      responses[1].isBehind = false;
      pass(1500);
    }
    expect(broken()).toEqual([]);
  });

  it('B-45 breaks none off while workers come free', () => {
    responses = [new Response('a', 1000)];
    clients.watch();
    for (let time = 0; time < 10; time++) {
      pass(1500);
      clients.moved();
    }
    expect(broken()).toEqual([]);
  });

  it('B-45 counts no time in which nobody waited', () => {
    responses = [new Response('a', 1000)];
    for (let time = 0; time < 10; time++) {
      waiting = 1;
      clients.watch();
      pass(1000);
      waiting = 0;
      pass(1000);
    }
    expect(broken()).toEqual([]);
  });

  it('B-45 breaks off one whose worker is at work now and then', () => {
    responses = [new Response('a', 1000)];
    clients.watch();
    for (let time = 0; time < 8; time++) {
      responses[0].isBehind = false;
      pass(100);
      responses[0].isBehind = true;
      pass(400);
    }
    expect(broken()).toEqual(['a']);
  });

  it('B-45 leaves one alone whose application takes most of the time', () => {
    responses = [new Response('a', 1000)];
    clients.watch();
    for (let time = 0; time < 20; time++) {
      responses[0].isBehind = true;
      pass(200);
      responses[0].isBehind = false;
      pass(300);
    }
    expect(broken()).toEqual([]);
  });

  it('B-45 waits for nothing when it was stopped', () => {
    clients.watch();
    clients.stop();
    clients.watch();
    expect(vi.getTimerCount()).toBe(0);
  });
});
