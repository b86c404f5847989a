import http from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Parser } from '../../src/protocols/http/parser.ts';
import { mutated } from '../fuzz/requests.ts';
import { runsOf } from '../fuzz/runs.ts';
import { drive, type ParsedRequest, split } from '../protocols/http/driver.ts';
import { talk } from './client.ts';

const { parameters, timeout } = runsOf(500, 50);

const parser = new Parser();
let delivered: Omit<ParsedRequest, 'keepAlive' | 'trailers'>[] = [];
let url = '';

const server = http.createServer((request, response) => {
  const headers: [string, string][] = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    headers.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
  }
  let body = '';
  request.setEncoding('latin1');
  request.on('data', (text) => {
    body += text;
  });
  request.on('end', () => {
    const { method = '', url: target = '', httpVersion } = request;
    delivered.push({ method, target, version: `HTTP/${httpVersion}`, headers, body });
    response.end();
  });
  request.on('error', () => {});
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => server.close());

interface Difference {
  request: ParsedRequest;
  /** Those before it on its connection. */
  before: readonly ParsedRequest[];
  bytes: Buffer;
}

/** Requests that we take and Node's server does not hand on, and why we take them. */
const MORE_LENIENT: { of: (difference: Difference) => boolean; why: string }[] = [
  {
    of: ({ request }) => !http.METHODS.includes(request.method),
    why: 'Any token is a method (RFC 9110, 9.1); one that is not known is the business of the application (G-10).',
  },
  {
    of: ({ request }) => request.method === 'CONNECT',
    why: 'Node gives CONNECT to a listener of its own; our gateway refuses it (G-21).',
  },
  {
    of: ({ before }) =>
      before.some(({ headers }) =>
        headers.some(([name, value]) => /^connection$/i.test(name) && /upgrade/i.test(value)),
      ),
    why: 'A server may ignore Upgrade (RFC 9110, 7.8) and we do; Node reads no further request after one.',
  },
  {
    of: ({ bytes }) => bytes.includes('\t'),
    why: 'HTAB around a value is as good as SP (RFC 9110, 5.6.3); llhttp does not take it around those that frame.',
  },
];

it(
  'the parser is never more lenient than the server of Node, and never frames a message otherwise',
  async () => {
    await fc.assert(
      fc.asyncProperty(mutated, async (bytes) => {
        delivered = [];
        await talk(url, bytes.toString('latin1'));
        const theirs = delivered;
        const ours = drive(parser, split(bytes)).requests;
        for (const [i, request] of ours.entries()) {
          const other = theirs[i];
          if (other === undefined) {
            const before = ours.slice(0, i);
            const reasons = MORE_LENIENT.filter(({ of }) => of({ request, before, bytes }));
            expect(reasons, `only ours: ${JSON.stringify(request)}`).not.toEqual([]);
            return;
          }
          const { keepAlive: _, trailers: __, ...same } = request;
          expect(same).toEqual(other);
        }
      }),
      parameters,
    );
  },
  timeout,
);
