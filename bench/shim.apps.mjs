// The same small answers for both conventions: one chunk in an array, and eight chunks one by one.
const CHUNK = new TextEncoder().encode('Hello world!\n');
const HEADERS = [['Content-Type', 'text/plain']];

export function syncArray(_environ, start) {
  start('200 OK', HEADERS);
  return [CHUNK];
}

export function* syncStream(_environ, start) {
  start('200 OK', HEADERS);
  for (let i = 0; i < 8; i++) yield CHUNK;
}

export async function asyncArray(_environ, start) {
  start('200 OK', HEADERS);
  return [CHUNK];
}

export async function* asyncStream(_environ, start) {
  start('200 OK', HEADERS);
  for (let i = 0; i < 8; i++) yield CHUNK;
}
