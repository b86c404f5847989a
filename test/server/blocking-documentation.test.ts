/** The page about blocking handlers: in each framework and beside it they answer alike, and beside it nobody waits. */
import { rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { blocks, page, SampleFolder } from '../docs/samples.ts';
import { ready, start } from './command.ts';

const PAGE = 'docs/blocking-handlers.md';
const folder = new SampleFolder(PAGE, {}, []);
afterAll(() => folder.remove());

// The report of one year is ready when the test says so.
folder.replaceIn(
  'report.js',
  'export function report(year, part) {',
  'export function report(year, part) { released(year);',
);
folder.prepend(
  'report.js',
  `import { existsSync } from 'node:fs';
   const cell = new Int32Array(new SharedArrayBuffer(4));
   const released = (year) => {
     while (year === '9999' && !existsSync(new URL('released', import.meta.url))) Atomics.wait(cell, 0, 0, 10);
   };`,
);
beforeEach(() => rmSync(folder.path('released'), { force: true }));

const commands = [...page(PAGE).matchAll(/^`npx quaich (\.\/(\S+)\.js .+)`$/gm)].map(([, argv, name]) => ({
  argv,
  name,
}));

async function serve(argv: string): Promise<string> {
  const threads = ['--async-workers', '1', '--sync-workers', '1'];
  const [url] = await ready(start([...argv.split(' '), ...threads, '-p', '0'], { cwd: folder.path('.') }));
  return url;
}

async function ask(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  const type = response.headers.get('Content-Type')?.split(';')[0];
  return { status: response.status, type, text: await response.text() };
}

describe('the page about blocking handlers', () => {
  it('has a command for each of its files', () => {
    const files = commands.map(({ name }) => `${name}.js`);
    expect(blocks(PAGE).map(({ name }) => name)).toEqual(['report.js', 'reports.js', ...files]);
    expect(files).toHaveLength(8);
  });

  it.each(commands.filter(({ name }) => name !== 'guarded'))('$argv', async ({ argv }) => {
    // At another path than the handler that it takes the place of, so that both can be asked.
    const url = await serve(argv.replace('/reports=', '/beside='));
    for (const path of ['/2026?part=q1', '/2026', '/x']) {
      const answer = await ask(`${url}/beside${path}`);
      expect(answer).toEqual(await ask(`${url}/reports${path}`));
      expect(answer).toMatchObject({ status: path === '/x' ? 400 : 200, type: 'application/json' });
    }
    const slow = ask(`${url}/beside/9999`);
    // Answered while that one blocks its thread, or never.
    expect((await ask(url)).text).toMatch(/^Hello from /);
    writeFileSync(folder.path('released'), '');
    expect(JSON.parse((await slow).text)).toMatchObject({ year: '9999', part: 'all' });
  });

  it('takes the place of the handler', async () => {
    const url = await serve(commands[0].argv);
    const poweredBy = async (path: string) => (await fetch(url + path)).headers.get('X-Powered-By');
    expect([await poweredBy('/'), await poweredBy('/reports/2026')]).toEqual(['Express', null]);
  });

  it('behind a login of Express', async () => {
    const { argv } = commands.find(({ name }) => name === 'guarded')!;
    const url = await serve(argv);
    expect(await ask(`${url}/reports/2026`)).toMatchObject({ status: 401, text: 'who are you?' });
    const [slow, quick] = [9999, 2026].map((year) => ask(`${url}/reports/${year}`, { Authorization: 'Bearer tea' }));
    expect(await quick).toMatchObject({ status: 200, type: 'application/json' });
    writeFileSync(folder.path('released'), '');
    expect(JSON.parse((await slow).text)).toMatchObject({ year: '9999', part: 'all' });
  });
});
