// Applications for tests of the number of workers: requests that meet, each on a worker of its own.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';

const words = new Int32Array(new SharedArrayBuffer(4));
const pause = (milliseconds) => Atomics.wait(words, 0, 0, milliseconds);

/**
 * `/meet?FOLDER` puts a file of its thread into a folder, and blocks until there are as many as the name of the folder
 * says behind its last hyphen. `/wait?FOLDER` puts `begun` there and blocks until there is `over`. All answer with
 * their thread, and whether it has others beside it.
 */
export function app(environ, startResponse) {
  const { PATH_INFO, QUERY_STRING } = environ;
  if (PATH_INFO === '/meet') {
    writeFileSync(join(QUERY_STRING, String(threadId)), '');
    const expected = Number(QUERY_STRING.split('-').at(-1));
    while (readdirSync(QUERY_STRING).length < expected) pause(10);
  }
  if (PATH_INFO === '/wait') {
    writeFileSync(join(QUERY_STRING, 'begun'), '');
    while (!readdirSync(QUERY_STRING).includes('over')) pause(10);
  }
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from(`${threadId} ${environ['wsgi.multiprocess']}`)];
}

export const asyncApp = async (environ, startResponse) => app(environ, startResponse);
