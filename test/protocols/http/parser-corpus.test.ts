import { describe, expect, it } from 'vitest';
import { Parser } from '../../../src/protocols/http/parser.ts';
import { cases, hasShared, judge } from '../../corpus/corpus.ts';
import { drive, split } from './driver.ts';

if (!hasShared) console.info('The corpus of inputs from other projects is not here and is left out.');

/** Every cut of a short input; for a long one those near its ends and some in between. */
function* cuts(length: number): Generator<number> {
  const step = length < 1024 ? 1 : Math.ceil(length / 64);
  for (let cut = 1; cut < length; cut += cut < 64 || cut > length - 64 ? 1 : step) yield cut;
}

/** Pieces of one byte; for a long input of some bytes, so that the test stays short. */
function* dribble(length: number): Generator<number> {
  for (let cut = 1, step = length < 8192 ? 1 : 61; cut < length; cut += step) yield cut;
}

describe.each(['simd', 'scalar'] as const)('the parser (%s) and the corpus', (build) => {
  const parser = new Parser({ build });

  it.each(cases.map((c) => [c.id, c] as const))(
    'decides %s as the corpus does, whole, cut anywhere and byte by byte',
    (_, c) => {
      const input = Buffer.from(c.input, 'latin1');
      const outcome = drive(parser, split(input));
      const { found, expected } = judge(c, outcome);
      expect(found, c.why).toEqual(expected);
      const whole = JSON.stringify(outcome);
      for (const cut of cuts(input.length)) {
        const parts = drive(parser, split(input, cut));
        if (JSON.stringify(parts) !== whole) expect(parts, `cut at ${cut}`).toEqual(outcome);
      }
      expect(drive(parser, split(input, ...dribble(input.length)))).toEqual(outcome);
    },
  );
});

it('decides every case alike in both builds', () => {
  const simd = new Parser({ build: 'simd' });
  const scalar = new Parser({ build: 'scalar' });
  for (const c of cases) {
    const pieces = split(Buffer.from(c.input, 'latin1'));
    expect({ id: c.id, ...drive(simd, pieces) }).toEqual({ id: c.id, ...drive(scalar, pieces) });
  }
});
