/** `npm run site`: the site is built, every link of it leads somewhere, and a real browser looks at it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium } from 'playwright-core';
import { type Server, serve } from 'quaich';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BROWSER_FLAGS, findBrowser } from '../../bench/report/browser.mjs';
import { navigation, pageFiles, placeOf } from '../../scripts/site/pages.mjs';
import { root } from '../docs/samples.ts';

const html = join(root, 'build/site/html');
const executable = findBrowser();
if (executable === undefined) console.warn('no Chromium is installed: the site is not looked at');

beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'scripts/site/build.mjs')], { stdio: ['ignore', 'ignore', 'inherit'] });
}, 600_000);

describe('the site', () => {
  const files = () => readdirSync(html, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.html'));

  it('has all pages, and one for each entry of the package', () => {
    const places = pageFiles().map((file) => placeOf(file).replace(/\.md$/, '.html'));
    expect(files()).toEqual(expect.arrayContaining(places));
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const entries = Object.keys(exports).filter((name) => name !== './package.json');
    const reference = readFileSync(join(html, 'api/index.html'), 'utf8');
    for (const name of entries) expect(reference).toContain(`>${join('quaich', name)}</a>`);
    // With what the docstrings say.
    expect(readFileSync(join(html, 'api/quaich/toolbox.html'), 'utf8')).toContain('maxFileSize');
  });

  it('links nothing that is not there, down to the heading', () => {
    const pages = new Map(files().map((file) => [file, readFileSync(join(html, file), 'utf8')]));
    const ids = new Map(
      [...pages].map(([file, text]) => [file, new Set([...text.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id))]),
    );
    const fileOf = (path: string) =>
      [path, `${path}.html`, join(path, 'index.html')].find(
        (file) => /\.\w+$/.test(file) && existsSync(join(html, file)),
      );
    const broken: string[] = [];
    let count = 0;
    for (const [file, text] of pages)
      for (const [, href] of text.matchAll(/\s(?:href|src)="([^"]+)"/g)) {
        const { host, pathname, hash } = new URL(href.replaceAll('&amp;', '&'), `http://site/${file}`);
        if (host !== 'site') continue;
        count += 1;
        const found = pathname === '/' ? 'index.html' : fileOf(decodeURIComponent(pathname.slice(1)));
        const anchor = decodeURIComponent(hash.slice(1));
        if (found === undefined) broken.push(`${file}: ${href}`);
        else if (anchor !== '' && !ids.get(found)?.has(anchor)) broken.push(`${file}: ${href}`);
      }
    expect(count).toBeGreaterThan(3000);
    expect(broken).toEqual([]);
  });
});

describe.skipIf(executable === undefined)('the site in a browser', () => {
  let browser: Browser;
  let server: Server;

  beforeAll(async () => {
    server = await serve({
      apps: join(root, 'scripts/site/application.mjs'),
      bind: '127.0.0.1:0',
      syncWorkers: 2,
    });
    browser = await chromium.launch({ executablePath: executable, args: BROWSER_FLAGS });
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const open = async (path: string, options: BrowserContextOptions = {}) => {
    const page = await browser.newPage(options);
    const elsewhere: string[] = [];
    const said: string[] = [];
    page.on('request', (request) => {
      if (!/^data:|^blob:/.test(request.url()) && !request.url().startsWith(server.url)) elsewhere.push(request.url());
    });
    page.on('response', (response) => {
      if (response.status() >= 400) said.push(`${response.status()} ${response.url()}`);
    });
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(String(error)));
    await page.goto(server.url + path, { waitUntil: 'networkidle' });
    return { page, elsewhere, said };
  };

  it('begins with what it is for, and leads to all pages', async () => {
    const { page, elsewhere, said } = await open('/');
    expect(await page.locator('h1').textContent()).toContain('Blocking code that blocks nobody');
    const titles = await page.locator('.VPSidebar h2').allTextContents();
    expect(titles).toEqual(navigation().map(({ title }) => title));
    await page.locator('.VPSidebar').getByText('Tutorial', { exact: true }).click();
    await page.waitForURL('**/tutorial');
    // The address changes before the page does.
    await page.getByRole('heading', { level: 1, name: 'Tutorial' }).waitFor();
    expect(await page.locator('.file-name').first().textContent()).toBe('server.js');
    expect([elsewhere, said]).toEqual([[], []]);
    await page.close();
  });

  it('finds what is searched for', async () => {
    const { page, said } = await open('/');
    const input = page.locator('#localsearch-input');
    // A key that is pressed before the page listens is lost.
    await vi.waitFor(async () => {
      await page.keyboard.press('Control+k');
      await input.waitFor({ timeout: 500 });
    }, 20_000);
    await input.fill('staticFiles');
    await page.locator('#localsearch-list a[href="/middleware#staticfiles"]').waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL('**/middleware#staticfiles');
    expect(said).toEqual([]);
    await page.close();
  });

  it('draws its diagrams', async () => {
    const { page, said } = await open('/connection-states');
    await page.locator('.diagram svg').nth(2).waitFor();
    expect(await page.locator('.diagram svg').count()).toBe(3);
    expect(said).toEqual([]);
    await page.close();
  });

  it('is light and dark', async () => {
    const colours = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await open('/SPEC', { colorScheme });
      colours.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
      await page.close();
    }
    expect(colours).toEqual(['rgb(255, 255, 255)', 'rgb(27, 27, 31)']);
  });

  it('fits a phone: what is wide scrolls by itself', async () => {
    const { page } = await open('/', { viewport: { width: 360, height: 800 } });
    for (const path of ['/', '/tutorial', '/configuration', '/blocking-handlers', '/SPEC', '/api/quaich/toolbox']) {
      await page.goto(server.url + path);
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(360);
    }
    await page.close();
  });
});
