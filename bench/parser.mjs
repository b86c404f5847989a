// How long a request head takes to parse, the call from JavaScript included: our parser in both builds against llhttp
// compiled to wasm, as undici ships it, with callbacks that do nothing. Run after `npm run build`: node
// bench/parser.mjs
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { READ_AREA } from '../dist/assembly/layout.js';
import { Parser } from '../dist/src/protocols/http/parser.js';
import { table } from './measure.mjs';

const require = createRequire(import.meta.url);

/** The request of picohttpparser's bench, and the small one of load generators. */
export const REQUESTS = {
  'browser, 703 bytes': `GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1
Host: www.kittyhell.com
User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) Gecko/20100401 Firefox/3.6.3 Pathtraq/0.9
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8
Accept-Language: ja,en-us;q=0.7,en;q=0.3
Accept-Encoding: gzip,deflate
Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7
Keep-Alive: 115
Connection: keep-alive
Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; __utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; __utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.livedoor.com|utmcct=/reader/|utmcmd=referral

`,
  'load generator, 40 bytes': `GET / HTTP/1.1
Host: localhost:8080

`,
};

/**
 * A loop of a thousand parses. Each is compiled apart, as a server with one parser would have it; a shared loop would
 * call through the slow path of a call site with several targets.
 */
const loop = (parse, ...bound) =>
  new Function('a', 'b', 'c', 'd', `return () => { for (let i = 0; i < 1000; i++) ${parse}; }`)(...bound);

function ours(build, inputs) {
  const parser = new Parser({ build });
  return inputs.map((input, i) => {
    const from = READ_AREA + 8192 * i;
    parser.bytes.set(input, from);
    return loop(
      "if (a.head(b, c) !== c) throw new Error('The head was not parsed')",
      parser,
      from,
      from + input.length,
    );
  });
}

function llhttp(inputs) {
  const module = new WebAssembly.Module(require('undici/lib/llhttp/llhttp_simd-wasm.js'));
  const nothing = () => 0;
  const env = Object.fromEntries(WebAssembly.Module.imports(module).map((i) => [i.name, nothing]));
  const { exports } = new WebAssembly.Instance(module, { env });
  exports._initialize?.();
  return inputs.map((input) => {
    const parser = exports.llhttp_alloc(1);
    const at = exports.malloc(input.length);
    new Uint8Array(exports.memory.buffer).set(input, at);
    const parse = "if (a.llhttp_execute(b, c, d) !== 0) throw new Error('The head was not parsed')";
    return loop(parse, exports, parser, at, input.length);
  });
}

/**
 * Measures each parser on each request in interleaved rounds and returns medians, which compare within
 * one round because the machine's speed drifts.
 *
 * @param {{ rounds?: number, milliseconds?: number }} [options] rounds, and the length of one measurement
 * @returns {{ request: string, parser: string, nanoseconds: number, ratio: number }[]} ratio: llhttp's time over this
 *   one's
 */
export function benchParser({ rounds = 25, milliseconds = 10 } = {}) {
  const inputs = Object.values(REQUESTS).map((text) => Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1'));
  const subjects = Object.entries({
    llhttp: llhttp(inputs),
    simd: ours('simd', inputs),
    scalar: ours('scalar', inputs),
  });
  const results = Object.keys(REQUESTS).flatMap((request, i) =>
    subjects.map(([parser, loops]) => ({ request, parser, run: loops[i], samples: [] })),
  );
  // The first rounds warm up.
  for (let round = -5; round < rounds; round++) {
    for (const { run, samples } of results) {
      let calls = 0;
      const start = process.hrtime.bigint();
      const end = start + BigInt(milliseconds) * 1_000_000n;
      let now = start;
      for (; now < end; now = process.hrtime.bigint()) {
        run();
        calls += 1000;
      }
      if (round >= 0) samples.push(Number(now - start) / calls);
    }
  }
  const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
  return results.map(({ request, parser, samples }) => {
    const peer = results.find((other) => other.request === request && other.parser === 'llhttp');
    const ratios = samples.map((sample, i) => peer.samples[i] / sample);
    return { request, parser, nanoseconds: Math.round(median(samples)), ratio: Number(median(ratios).toFixed(2)) };
  });
}

export const title = 'Parsing one request: the wasm parser against llhttp in wasm';

export async function run() {
  return table(
    ['request', 'parser', 'ns', 'llhttp takes'],
    benchParser().map(({ request, parser, nanoseconds, ratio }) => [
      request,
      parser,
      nanoseconds,
      `${ratio} times that`,
    ]),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await run());
