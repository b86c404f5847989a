// The smallest application, in both conventions: what is left is the cost of the server.
const body = Buffer.from('Hello world!\n');
const headers = [
  ['Content-Type', 'text/plain'],
  ['Content-Length', String(body.length)],
];

export function sync(_environ, startResponse) {
  startResponse('200 OK', headers);
  return [body];
}

export async function asynchronous(_environ, startResponse) {
  startResponse('200 OK', headers);
  return [body];
}
