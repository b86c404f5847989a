/** No request leaves anything behind in the memory of Python, or in that of JavaScript. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, it } from 'vitest';
import { READ_BLOCK } from '../../src/interface/read-block.ts';
import type { Application } from '../../src/interface/types.ts';
import { pythonApp } from '../../src/python/index.ts';
import { turn } from '../../src/rules/event-loop.ts';
import { SyncTestClient } from '../../src/testing/sync-client.ts';
import { apps, cache } from '../python/folder.ts';

let app: Application;

beforeAll(async () => {
  app = await pythonApp('./behaviours.py', { directory: apps, cache });
}, 60_000);

setFlagsFromString('--expose-gc');
// The flag has just made it.
const collect = runInNewContext('gc') as () => void;

/** Bytes of memory of this process that are still needed. */
async function memory(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    collect();
    await turn();
  }
  return process.memoryUsage().rss;
}

/** Calls the application as a server does, without what a client would keep. */
function call(path: string): void {
  const environ = Object.assign(Object.create(null), {
    ...{ REQUEST_METHOD: 'GET', SCRIPT_NAME: '', PATH_INFO: path, QUERY_STRING: '', SERVER_NAME: 'a' },
    ...{ SERVER_PORT: '80', SERVER_PROTOCOL: 'HTTP/1.1', 'wsgi.url_scheme': 'http' },
    'wsgi.input': { [READ_BLOCK]: () => null },
    'wsgi.errors': { write() {}, writelines() {}, flush() {} },
  });
  try {
    const body = app(environ, () => () => {});
    for (const _ of body);
    body.close?.();
  } catch {
    // Where that is what it does.
  }
}

describe('the memory of an interpreter', () => {
  it.each([
    ['/steps', 100_000],
    ['/writes', 100_000],
    ['/echo', 100_000],
    ['/fails', 20_000],
    ['/breaks', 20_000],
  ])(
    'is the same after %s, %i times',
    async (path, times) => {
      const client = new SyncTestClient(app);
      expect(client.get('/steps').text).toBe('one two three');
      for (let i = 0; i < times / 5; i++) call(path);
      const before = await memory();
      for (let i = 0; i < times; i++) call(path);
      // Ten megabytes are less than a hundred bytes a request.
      expect((await memory()) - before).toBeLessThan(10_000_000);
    },
    120_000,
  );
});
