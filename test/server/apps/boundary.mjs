// Applications for what happens at the boundary of a bridge.
const bytes = (text) => Buffer.from(text, 'latin1');
const block = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** Gives back the field `X-Value` and all byte values a field may have. */
const echoed = (environ, start) => {
  start('200 caf\u00e9', [
    ['X-Value', environ.HTTP_X_VALUE],
    ['X-Own', '\u00a0\u0080\u00ff'],
  ]);
  return [bytes(environ.HTTP_X_VALUE)];
};
export const echoSync = (environ, start) => echoed(environ, start);
export const echoAsync = async (environ, start) => echoed(environ, start);

/** As many equal fields as `test.count` says. */
const many = (environ, start) => {
  start(
    '200 OK',
    Array.from({ length: environ['test.count'] }, (_, i) => ['Set-Cookie', `c${i}=${i}`]),
  );
  return [];
};
export const manySync = (environ, start) => many(environ, start);
export const manyAsync = async (environ, start) => many(environ, start);

/** Changes what it was given. */
const change = (environ, start) => {
  environ.PATH_INFO = '/changed';
  environ['test.added'] = 'yes';
  delete environ.QUERY_STRING;
  start('200 OK', []);
  return [bytes(environ.PATH_INFO)];
};
export const changeSync = (environ, start) => change(environ, start);
export const changeAsync = async (environ, start) => change(environ, start);

/** Says when a step begins and ends; the first step takes 150 ms. */
export function* slowStep(environ, start) {
  environ['wsgi.errors'].write('begun\n');
  start('200 OK', []);
  block(150);
  environ['wsgi.errors'].write('ended\n');
  yield bytes('late');
}

export const failsAtOnce = async () => {
  throw new TypeError('expected: at once');
};
export async function* failsEarly(_environ, start) {
  start('200 OK', [['X-Mine', '1']]);
  yield bytes('');
  throw new TypeError('expected: early');
}
export async function* failsLate(_environ, start) {
  start('200 OK', []);
  yield bytes('part');
  throw new TypeError('expected: late');
}
