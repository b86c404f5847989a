/** A bench fails where a server answers wrongly, whenever it begins to, whoever makes the load. */
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startHttp } from '../../src/bench/http-case.ts';
import type { Generator } from '../../src/bench/load.ts';
import type { LoadRequest } from '../../src/bench/load-request.ts';
import type { ServerCommand } from '../../src/bench/server-process.ts';
import { dist } from './command.ts';

// The built one: it starts a program of its own beside it.
const { generators }: { generators: ReadonlyMap<string, Generator> } = await import(`${dist}/src/bench/load.js`);

/** A server in one line: `n` counts requests from 1 on. */
const peer = (answer: string): ServerCommand => ({
  command: process.execPath,
  args: [
    '-e',
    `let n = 0; require('http').createServer((q, s) => { n++; ${answer} }).listen(process.env.PORT, '127.0.0.1')`,
  ],
});

const request: LoadRequest = { path: '/', expect: { status: 200, body: Buffer.from('right') } };

async function measure(answer: string, generator: Generator, wanted = request, seconds = 1) {
  const running = await startHttp(peer(answer), generator);
  try {
    return await running.measure({ name: 'trial', request: wanted, connections: 2 }, seconds);
  } finally {
    await running.stop();
  }
}

/** What is wrong from the tenth request on, under load alone, is given by these. */
const later = (wrong: string) => `if (n < 10) s.end('right'); else { ${wrong} }`;

describe.each([...generators])('load by %s', (_name, generator) => {
  it('measures a server that answers rightly', async () => {
    const sample = await measure(`s.end('right')`, generator);
    expect(sample.rate).toBeGreaterThan(10);
    expect(sample.cpu).toBeGreaterThan(1);
    expect(sample.memory).toBeGreaterThan(20);
    expect(sample.load).toBeGreaterThan(0);
  });

  it('goes on for longer where there was no time for a single answer', async () => {
    const sample = await measure(`setTimeout(() => s.end('right'), 20)`, generator, request, 0.001);
    expect(sample.rate).toBeGreaterThan(1);
  });

  it('measures an answer of another status where that is right', async () => {
    const expect404: LoadRequest = { path: '/', expect: { status: 404, body: Buffer.from('none') } };
    const sample = await measure(`s.writeHead(404); s.end('none')`, generator, expect404);
    expect(sample.rate).toBeGreaterThan(10);
  });

  it('measures bodies that differ where they may', async () => {
    const sample = await measure(`s.end('x'.repeat(n % 2 * 3000))`, generator, { path: '/', expect: { status: 200 } });
    expect(sample.rate).toBeGreaterThan(10);
  });

  it.each([
    ['another status', `s.writeHead(201); s.end('right')`, 'GET /: status 201 in place of 200; "right"'],
    ['another body', `s.end('wrong')`, 'GET /: the body has 5 bytes, "wrong", in place of 5, "right"'],
    ['no answer', `s.destroy()`, 'GET / was not answered'],
    [
      'half an answer',
      `s.writeHead(200, { 'content-length': 9 }); s.write('half'); setTimeout(() => s.destroy(), 9)`,
      'GET /: the answer broke off',
    ],
    ['another status under load', later(`s.writeHead(500); s.end('right')`), /with another status|status 500/],
    [
      'a longer body under load',
      later(`s.end('x'.repeat(2000))`),
      /bytes an answer in place of|the body has 2000 bytes/,
    ],
    ['a shorter body under load', later(`s.end()`), /bytes an answer in place of|the body has 0 bytes/],
    ['broken connections under load', later(`s.destroy()`), /broken off|was not answered/],
    ['its end under load', later(`console.error('out of luck'); process.exit(3)`), /ended \(3\)\nout of luck/],
  ])('fails at %s', async (_what, answer, message) => {
    await expect(measure(answer, generator)).rejects.toThrow(message);
  });
});

it('there is a generator, and its program has been built', () => {
  expect([...generators.keys()].some((name) => name.startsWith('autocannon 9.'))).toBe(true);
  expect(existsSync(`${dist}/src/bench/load-autocannon.js`)).toBe(true);
});
