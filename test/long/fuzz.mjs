// Generated requests against strict llhttp: `node test/long/fuzz.mjs [RUNS] [SEED]`. What it compares stands in
// test/fuzz/parser.test.ts.
import { argumentsOr, generate } from './generated.mjs';

await generate(
  ['test/fuzz/parser.test.ts', '-t', 'strict llhttp'],
  argumentsOr(10_000_000),
  'generated requests against strict llhttp',
  'no difference but those that are meant',
);
