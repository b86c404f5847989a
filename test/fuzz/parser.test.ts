import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Parser } from '../../src/protocols/http/parser.ts';
import { drive, type ParsedRequest, split } from '../protocols/http/driver.ts';
import { driveLlhttp } from './llhttp.ts';
import { cutsIn, mutated, places, valid } from './requests.ts';
import { runsOf } from './runs.ts';

const { parameters, timeout } = runsOf(1000, 20);

const simd = new Parser({ build: 'simd' });
const scalar = new Parser({ build: 'scalar' });

/**
 * Requests that we take and strict llhttp refuses: what it says, for which requests that is meant, and why we take
 * them.
 */
const MORE_LENIENT: { says: RegExp; of: (request: ParsedRequest) => boolean; why: string }[] = [
  {
    says: /method|Connection Preface/,
    of: ({ method }) => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method),
    why: 'Any token is a method (RFC 9110, 9.1); one that is not known is the business of the application (G-10).',
  },
  {
    says: /Invalid character in Content-Length/,
    of: ({ headers }) => headers.some(([name, value]) => /^content-length$/i.test(name) && /^[0-9]+$/.test(value)),
    why: 'HTAB around a value is as good as SP (RFC 9110, 5.6.3).',
  },
  {
    says: /Transfer-Encoding/,
    of: ({ headers }) =>
      headers.filter(([name, value]) => /^transfer-encoding$/i.test(name) && /^chunked$/i.test(value)).length === 1,
    why: 'The same: HTAB around chunked.',
  },
];

const connection = ({ headers }: ParsedRequest) =>
  headers.flatMap(([name, value]) => (/^connection$/i.test(name) ? [value] : [])).join(',');

/** Requests after which one of the two goes on and the other closes the connection. */
const OTHER_KEEP_ALIVE: { ours: boolean; of: (request: ParsedRequest, bytes: Buffer) => boolean; why: string }[] = [
  {
    ours: false,
    of: (request) => /(^|,)[ \t]*close[ \t]*(,|$)/i.test(connection(request)),
    why: 'close counts wherever it stands (RFC 9112, 9.3); llhttp lets keep-alive beat it, and misses it beside HTAB.',
  },
  {
    ours: true,
    of: (request, bytes) =>
      /(^|,)[ \t]*keep-alive[ \t]*(,|$)/i.test(connection(request)) &&
      /^connection:[^\r\n]*\t/im.test(bytes.toString('latin1')),
    why: 'keep-alive of HTTP/1.0 counts beside HTAB as well, which llhttp takes for a part of the word.',
  },
];

/**
 * HTAB behind chunked, once more: llhttp refuses such a request, but for one that asks for an upgrade, which it takes
 * to end with its head. What follows is of another protocol then, for whoever believes it.
 */
const endsWithHead = (request: ParsedRequest, bytes: Buffer): boolean =>
  /^transfer-encoding:[ \t]*chunked *\t/im.test(bytes.toString('latin1')) &&
  /(^|,)[ \t]*upgrade[ \t]*(,|$)/i.test(connection(request)) &&
  request.headers.some(([name]) => /^upgrade$/i.test(name));

describe('the parser, fuzzed', () => {
  it(
    'takes every valid request for what it is, in any pieces',
    () => {
      fc.assert(
        fc.property(valid, places, ({ bytes, requests }, cuts) => {
          for (const parser of [simd, scalar]) {
            const outcome = drive(parser, split(bytes, ...cutsIn(bytes.length, cuts)));
            expect(outcome.rule).toBe('');
            expect(outcome.requests).toEqual(requests);
          }
          expect(driveLlhttp([bytes]).requests).toEqual(requests);
        }),
        parameters,
      );
    },
    timeout,
  );

  it(
    'decides the same in any pieces and in both builds',
    () => {
      fc.assert(
        fc.property(mutated, places, (bytes, cuts) => {
          const whole = drive(simd, split(bytes));
          expect(drive(scalar, split(bytes))).toEqual(whole);
          expect(drive(simd, split(bytes, ...cutsIn(bytes.length, cuts)))).toEqual(whole);
          expect(drive(scalar, split(bytes, ...cutsIn(bytes.length, cuts)))).toEqual(whole);
          expect(drive(simd, split(bytes, ...bytes.keys()))).toEqual(whole);
        }),
        parameters,
      );
    },
    timeout,
  );

  it(
    'decides the same in any pieces under any limits',
    () => {
      const limits = fc.record({
        requestLine: fc.integer({ min: 1, max: 40 }),
        fieldLine: fc.integer({ min: 1, max: 40 }),
        fields: fc.integer({ min: 1, max: 6 }),
        head: fc.integer({ min: 1, max: 160 }),
        chunkLine: fc.integer({ min: 1, max: 12 }),
        chunkExtensions: fc.integer({ min: 1, max: 20 }),
        trailer: fc.integer({ min: 1, max: 40 }),
        leadingLines: fc.integer({ min: 1, max: 2 }),
      });
      const big = {
        requestLine: 1000,
        fieldLine: 1000,
        fields: 100,
        head: 10000,
        chunkLine: 99,
        chunkExtensions: 999,
        trailer: 999,
      };
      fc.assert(
        fc.property(
          mutated,
          places,
          limits,
          fc.subarray(Object.keys(big) as (keyof typeof big)[]),
          (bytes, cuts, some, lifted) => {
            const all = { ...some, ...Object.fromEntries(lifted.map((name) => [name, big[name]])) };
            const parser = new Parser({ limits: all });
            const whole = drive(parser, split(bytes));
            expect(drive(parser, split(bytes, ...cutsIn(bytes.length, cuts)))).toEqual(whole);
            expect(drive(parser, split(bytes, ...bytes.keys()))).toEqual(whole);
          },
        ),
        parameters,
      );
    },
    timeout,
  );

  it(
    'is never more lenient than strict llhttp, and never frames a message otherwise',
    () => {
      fc.assert(
        fc.property(mutated, places, (bytes, cuts) => {
          const ours = drive(simd, split(bytes, ...cutsIn(bytes.length, cuts)));
          const theirs = driveLlhttp([bytes]);
          for (const [i, request] of ours.requests.entries()) {
            const other = theirs.requests[i];
            if (other === undefined) {
              const reasons = MORE_LENIENT.filter(({ says, of }) => says.test(theirs.rule) && of(request));
              expect(reasons, `llhttp: ${theirs.rule || theirs.end}; ours: ${JSON.stringify(request)}`).not.toEqual([]);
              return;
            }
            const isCut = other.body === '' && endsWithHead(request, bytes);
            const cut = isCut ? { body: '', trailers: [] } : {};
            expect({ ...request, ...cut, keepAlive: other.keepAlive }).toEqual(other);
            if (isCut) return;
            if (request.keepAlive !== other.keepAlive) {
              const reasons = OTHER_KEEP_ALIVE.filter(
                ({ ours, of }) => ours === request.keepAlive && of(request, bytes),
              );
              expect(reasons, JSON.stringify(request)).not.toEqual([]);
              return;
            }
          }
        }),
        parameters,
      );
    },
    timeout,
  );
});
