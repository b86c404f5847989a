// The same small answers for both conventions: one chunk in an array, and eight chunks one by one. Besides, the first
// as a function that a bridge of any kind can call: it is given variables and returns all of its answer.
const CHUNK = new TextEncoder().encode('Hello world!\n');
const STATUS = '200 OK';
const HEADERS = [['Content-Type', 'text/plain']];

export const LENGTH = CHUNK.length;

export function syncArray(_environ, start) {
  start(STATUS, HEADERS);
  return [CHUNK];
}

export function* syncStream(_environ, start) {
  start(STATUS, HEADERS);
  for (let i = 0; i < 8; i++) yield CHUNK;
}

export async function asyncArray(_environ, start) {
  start(STATUS, HEADERS);
  return [CHUNK];
}

export async function* asyncStream(_environ, start) {
  start(STATUS, HEADERS);
  for (let i = 0; i < 8; i++) yield CHUNK;
}

export function syncFunction(variables) {
  if (variables.REQUEST_METHOD !== 'GET') throw new Error('the variables are not those of the request');
  return { status: STATUS, headers: HEADERS, body: CHUNK };
}

export async function asyncFunction(variables) {
  return syncFunction(variables);
}
