/** The status page, looked at by a real browser. */
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { type Server, serve } from 'quaich';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { BROWSER_FLAGS, findBrowser } from '../../bench/report/browser.mjs';
import { get } from './command.ts';

const module = fileURLToPath(new URL('./apps/counted.mjs', import.meta.url));
const executable = findBrowser();
if (executable === undefined) console.warn('no Chromium is installed: the status page is not looked at');

describe.skipIf(executable === undefined)('the status page', () => {
  let browser: Browser;
  let server: Server;

  const start = () =>
    serve({
      apps: [
        { module, export: 'app', prefix: '/<sync>' },
        { module, export: 'asyncApp', prefix: '/async' },
      ],
      bind: '127.0.0.1:0',
      status: '127.0.0.1:0',
      syncWorkers: 2,
      asyncWorkers: 1,
    });

  beforeAll(async () => {
    server = await start();
    browser = await chromium.launch({ executablePath: executable, args: BROWSER_FLAGS });
  });
  afterAll(async () => {
    await browser?.close();
    await server.close();
  });

  const open = async (options: BrowserContextOptions = {}, url = String(server.statusUrl)) => {
    const page = await browser.newPage(options);
    const requests: string[] = [];
    const said: string[] = [];
    page.on('request', (request) => requests.push(request.url()));
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(String(error)));
    await page.goto(url);
    return { page, requests, said };
  };

  /** The cells of the row that begins with a text. */
  const row = (page: Page, name: string) =>
    page
      .locator('tr', { has: page.getByText(name, { exact: true }) })
      .locator('td')
      .allTextContents();

  test('L-42 needs nothing else, and has nothing to complain about', async () => {
    const { page, requests, said } = await open();
    expect(await page.locator('h1').textContent()).toBe('Quaich ready');
    expect(new Set(requests.filter((url) => !url.startsWith('data:')))).toEqual(new Set([`${server.statusUrl}/`]));
    expect(said).toEqual([]);
    await page.close();
  });

  test('L-42 shows mounts, threads, times and connections, and names as text', async () => {
    for (let i = 0; i < 7; i++) await get(server.url, '/async/');
    const { page } = await open();
    const headings = await page.locator('h2').allTextContents();
    expect(headings).toEqual([
      expect.stringMatching(/^Requests a second, in the last minute \(highest: [\d.]+\)$/),
      'Times, in the last minute',
      'Requests, since the start',
      'Threads',
      'Connections, now',
      'Connections, since the start',
    ]);
    expect((await row(page, '/async (async)')).slice(0, 5)).toEqual(['/async (async)', '7', '0', '0', '0']);
    expect((await row(page, '/<sync> (sync)')).slice(0, 2)).toEqual(['/<sync> (sync)', '0']);
    expect((await row(page, 'async 0')).slice(0, 4)).toEqual(['async 0', 'idle', '0', '7']);
    expect(await page.locator('svg[role=img]').count()).toBe(1);
    await page.close();
  });

  test('L-42 keeps itself fresh, and says when the server is gone', async () => {
    const other = await start();
    const { page, said } = await open({}, String(other.statusUrl));
    expect((await row(page, '/async (async)'))[1]).toBe('0');
    for (let i = 0; i < 3; i++) await get(other.url, '/async/');
    await vi.waitFor(async () => expect((await row(page, '/async (async)'))[1]).toBe('3'), 10_000);
    expect(said).toEqual([]);
    expect(await page.locator('.lost-note').isVisible()).toBe(false);
    await other.close();
    await vi.waitFor(async () => expect(await page.locator('.lost-note').isVisible()).toBe(true), 10_000);
    await page.close();
  });

  test('L-42 fits a phone: tables scroll by themselves', async () => {
    const { page } = await open({ viewport: { width: 360, height: 800 } });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    await page.close();
  });

  test('L-42 is light and dark', async () => {
    const colours = async (colorScheme: 'light' | 'dark') => {
      const { page } = await open({ colorScheme });
      const found = await page.evaluate(() => {
        const { backgroundColor, color } = getComputedStyle(document.body);
        const line = document.querySelector('polyline');
        return [backgroundColor, color, line && getComputedStyle(line).stroke];
      });
      await page.close();
      return found;
    };
    expect(await colours('light')).toEqual(['rgb(255, 255, 255)', 'rgb(27, 31, 35)', 'rgb(11, 102, 195)']);
    expect(await colours('dark')).toEqual(['rgb(20, 23, 26)', 'rgb(230, 232, 234)', 'rgb(90, 174, 255)']);
  });
});
