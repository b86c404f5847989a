// What stands behind the front servers of docs/deploy: tells who answered, and what it was told of the request.
import { setTimeout as sleep } from 'node:timers/promises';

export async function app(environ, startResponse) {
  const body = await environ['wsgi.input'].read();
  // `?200` takes so many milliseconds, and says so.
  if (environ.QUERY_STRING !== '') {
    console.log(`begun: ${environ.PATH_INFO}`);
    await sleep(Number(environ.QUERY_STRING));
  }
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  const told = {
    pid: process.pid,
    user: process.getuid(),
    path: environ.PATH_INFO,
    address: environ.REMOTE_ADDR,
    scheme: environ['wsgi.url_scheme'],
    host: environ.HTTP_HOST,
    length: body.length,
  };
  return [Buffer.from(JSON.stringify(told))];
}
