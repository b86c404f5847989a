// What modules do when they are loaded is done once for each worker (L-72).
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterAll, describe, expect, it } from 'vitest';
import { get } from './command.ts';

const directory = mkdtempSync(join(tmpdir(), 'quaich-load-once-'));
afterAll(() => rmSync(directory, { recursive: true }));
writeFileSync(join(directory, 'package.json'), '{"type":"module"}');

const LOADED = `import { appendFileSync, openSync, readSync } from 'node:fs';
appendFileSync(new URL('./loads', import.meta.url), 'x');
let count = 0;
const file = openSync(new URL('./package.json', import.meta.url));`;
const ANSWER = `(environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  const first = Buffer.alloc(1);
  readSync(file, first, 0, 1, 0);
  if (environ.PATH_INFO === '/die') process.exit(1);
  return [Buffer.from(first + String(++count))];
}`;
writeFileSync(join(directory, 'sync.js'), `${LOADED}\nexport function app${ANSWER}`);
writeFileSync(join(directory, 'async.js'), `${LOADED}\nexport async function app${ANSWER}`);
writeFileSync(
  join(directory, 'program.js'),
  `import http from 'node:http';\n${LOADED}
http.createServer((request, response) => { response.end('{' + ++count); }).listen(3000);`,
);

/** Serves, and fulfils with the number of loads after some requests. */
async function loads(
  options: ServeOptions,
  ask: (url: string, reload: () => ReturnType<Server['reload']>) => Promise<void>,
): Promise<number> {
  writeFileSync(join(directory, 'loads'), '');
  const all = { bind: '127.0.0.1:0', directory, syncWorkers: 1, asyncWorkers: 1, ...options };
  const server = await serve(all);
  await ask(server.url, () => server.reload(all));
  await server.close();
  return readFileSync(join(directory, 'loads')).length;
}

const asked = async (url: string): Promise<void> => {
  for (const count of [1, 2, 3]) expect((await get(url)).text).toBe(`{${count}`);
};

describe('L-72 a module is loaded', () => {
  it.each(['./sync.js', './async.js', './program.js'])('once for one worker: %s', async (apps) => {
    expect(await loads({ apps }, asked)).toBe(1);
  });

  it('once for each of several workers', async () => {
    expect(await loads({ apps: './sync.js', syncWorkers: 3 }, async () => {})).toBe(3);
  });

  it.each([1, 3])('once for each worker with each reload, successful or not: %i workers', async (syncWorkers) => {
    const apps = { module: './sync.js', kind: 'sync' } as const;
    const count = await loads({ apps, syncWorkers }, async (url, reload) => {
      await get(url);
      expect(await reload()).toEqual([]);
      if (syncWorkers === 1) await asked(url);
      writeFileSync(
        join(directory, 'sync.js'),
        `${LOADED}\nexport const startup = () => { throw new Error('no'); };
        export function app${ANSWER}`,
      );
      await expect(reload()).rejects.toThrow('no');
      expect((await get(url)).status).toBe(200);
      writeFileSync(join(directory, 'sync.js'), `${LOADED}\nexport function app${ANSWER}`);
    });
    expect(count).toBe(3 * syncWorkers);
  });

  it('once more where other workers serve beside them', async () => {
    expect(await loads({ apps: ['./sync.js', '/a=./async.js'] }, asked)).toBe(4);
    expect(await loads({ apps: ['/a=./async.js', './sync.js'], inline: true }, asked)).toBe(4);
  });

  it('anew by the successor of a worker that has died', async () => {
    const count = await loads({ apps: './sync.js' }, async (url) => {
      await asked(url);
      await get(url, '/die');
      while ((await get(url)).status !== 200);
    });
    expect(count).toBe(2);
  });
});
