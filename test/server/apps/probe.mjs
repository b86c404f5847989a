/* biome-ignore-all lint/complexity/noArguments: the number of arguments is what is asked for (G-01) */
// Tells what an application gets to see: its call, its environ, the results of reads and of bad heads. The field `X-Do`
// is a JSON array of steps: `["read", 5]` on the input, `["start", status, headers, error]` on startResponse.
import { asyncToSync, syncToAsync } from 'quaich/shim';

const bytes = (text) => Buffer.from(text, 'latin1');
const shown = (result) => (Array.isArray(result) ? result.map(shown) : Buffer.from(result).toString('latin1'));
const isOwn = (part) => part.constructor === Uint8Array || Buffer.isBuffer(part);
const isPrivate = (result) =>
  [result].flat().every((part) => isOwn(part) && !(part.buffer instanceof SharedArrayBuffer));

/** Steps as a generator, so that one text makes both forms: what is yielded is awaited in the async one. */
function* probe(environ, startResponse, call) {
  const report = { ...call, results: [], private: true, seenBefore: 'test.mark' in environ };
  environ['test.mark'] = 'seen';
  report.prototype = Object.getPrototypeOf(environ) === null ? 'null' : 'Object';
  report.plain = Object.values(Object.getOwnPropertyDescriptors(environ)).every(
    (property) => 'value' in property && property.enumerable && property.writable,
  );
  report.extensible = Object.isExtensible(environ);
  report.strings = {};
  for (const [key, value] of Object.entries(environ)) if (typeof value === 'string') report.strings[key] = value;
  report.odd = Object.keys(environ).filter((key) => !key.includes('.') && typeof environ[key] !== 'string');
  for (const key of ['version', 'multithread', 'multiprocess', 'run_once', 'input_terminated']) {
    report[key] = environ[`wsgi.${key}`];
  }
  report.async = environ['quaich.async'];
  const errors = environ['wsgi.errors'];
  report.errors = ['write', 'writelines', 'flush'].every((name) => typeof errors[name] === 'function');
  const input = environ['wsgi.input'];
  for (const [name, ...args] of JSON.parse(environ.HTTP_X_DO ?? '[]')) {
    if (name === 'start') {
      report.results.push(refusal(startResponse, args));
    } else {
      const result = yield name === 'lines' ? lines(input, environ['quaich.async']) : input[name](...args);
      report.private &&= isPrivate(result);
      report.results.push(shown(result));
    }
  }
  return report;
}

function lines(input, async) {
  if (!async) return [...input];
  return (async () => {
    const found = [];
    for await (const line of input) found.push(line);
    return found;
  })();
}

function refusal(startResponse, [status, headers, error]) {
  try {
    startResponse(status, headers, error);
    return 'taken';
  } catch (thrown) {
    return thrown.message;
  }
}

/** As an array; with `X-Stream` as a body of unknown length. */
function answer(report, startResponse) {
  const bad = report.results.some((result) => typeof result === 'string' && /\bG-\d+/.test(result));
  const head = ['200 OK', [['Content-Type', 'application/json']]];
  // A head that was refused was a call all the same (G-82).
  if (bad) startResponse(...head, new Error('the head before was refused'));
  else startResponse(...head);
  const body = [bytes(JSON.stringify(report).replace(/[\u0080-\uffff]/g, escaped))];
  return report.strings.HTTP_X_STREAM === undefined ? body : body.values();
}

const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

export function syncApp(environ, startResponse) {
  const steps = probe(environ, startResponse, { arguments: arguments.length, hasThis: this !== undefined });
  let step = steps.next();
  while (!step.done) step = steps.next(step.value);
  return answer(step.value, startResponse);
}

export async function asyncApp(environ, startResponse) {
  const steps = probe(environ, startResponse, { arguments: arguments.length, hasThis: this !== undefined });
  let step = steps.next();
  while (!step.done) step = steps.next(await step.value);
  return answer(step.value, startResponse);
}

export const bridgedSync = syncToAsync(`${import.meta.url}:syncApp`, { threads: 1 });
export const bridgedAsync = asyncToSync(`${import.meta.url}:asyncApp`);
