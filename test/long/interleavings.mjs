// Rings and connections under their models: `node test/long/interleavings.mjs [RUNS] [SEED]`. So many orders of steps
// and deaths of sync workers, of event loops, and of events of connections of each protocol.
import { argumentsOr, generate } from './generated.mjs';

const asked = argumentsOr(100_000);
for (const [file, what] of [
  ['test/rings/sync-interleaving.test.ts', 'interleavings of a gateway and two sync workers, which may die'],
  ['test/rings/async-interleaving.test.ts', 'interleavings of a gateway and two event loops, which may die'],
  ['test/protocols/invariants.test.ts', 'orders of events, of HTTP, HTTP/2 and FastCGI connections each'],
]) {
  await generate([file], asked, what, 'each request ended once, and nothing was left over');
}
