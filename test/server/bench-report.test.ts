/** The HTML report of a run, looked at by a real browser. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BROWSER_FLAGS, findBrowser } from '../../bench/report/browser.mjs';
import { sampleReport } from '../bench/sample-report.ts';

const executable = findBrowser();
const drawable = existsSync(new URL('../../bench/node_modules/vega', import.meta.url));
if (executable === undefined) console.warn('no Chromium is installed: the HTML report is not looked at');
if (!drawable) console.warn('the packages of the bench are not installed: the HTML report is not looked at');

describe.skipIf(executable === undefined || !drawable)('the HTML report', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quaich-'));
  const file = join(folder, 'report.html');
  const report = sampleReport({ seed: 1 });
  let browser: Browser;

  beforeAll(async () => {
    const { toHtml } = await import('../../bench/report/html.mjs');
    writeFileSync(file, await toHtml(report));
    browser = await chromium.launch({ executablePath: executable, args: BROWSER_FLAGS });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  const open = async (options: BrowserContextOptions): Promise<{ page: Page; requests: string[]; said: string[] }> => {
    const page = await browser.newPage(options);
    const requests: string[] = [];
    const said: string[] = [];
    page.on('request', (request) => requests.push(request.url()));
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(String(error)));
    page.on('dialog', (dialog) => said.push(dialog.message()));
    await page.goto(pathToFileURL(file).href);
    return { page, requests, said };
  };

  test('needs nothing else, and has nothing to complain about', async () => {
    const { requests, said } = await open({});
    expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([pathToFileURL(file).href]);
    expect(said).toEqual([]);
  });

  test('shows all cases of all suites, with a dot for each candidate and a line for each latency', async () => {
    const { page } = await open({});
    for (const { suite, cases, metrics } of report.suites) {
      const cards = page.locator(`section#${suite} .card`);
      expect(await cards.count()).toBe(cases.length);
      for (const [index, { case: name, series }] of cases.entries()) {
        const card = cards.nth(index);
        expect(await card.locator('h3').textContent()).toBe(name);
        const dots = await card
          .locator('svg')
          .evaluateAll((charts) =>
            charts.map((chart) => chart.querySelectorAll('path[fill^="var(--"][transform]').length),
          );
        const latencies = series.length * 4;
        expect(dots).toEqual(metrics.length === 1 ? [series.length] : [series.length, latencies, series.length]);
        if (metrics.length > 1) expect(await card.locator('.legend li').count()).toBe(series.length);
      }
    }
  });

  test('names and describes each chart', async () => {
    const { page } = await open({});
    const charts = page.locator('svg[role=img]');
    expect(await charts.count()).toBe(await page.locator('svg').count());
    const texts = await charts.evaluateAll((all) =>
      all.map((chart) =>
        ['aria-labelledby', 'aria-describedby'].map(
          (name) => document.getElementById(chart.getAttribute(name) ?? '')?.textContent,
        ),
      ),
    );
    for (const [title, description] of texts) {
      expect(title).toMatch(/: (?:ratios|latency|peak memory)$/);
      expect(description).toMatch(/quaich|percentiles/);
    }
    const ids = await page.locator('[id]').evaluateAll((all) => all.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('shows text from a run as text', async () => {
    const { page } = await open({});
    expect(await page.locator('.versions').textContent()).toContain('<script>alert(1)</script> 1');
    expect(await page.locator('script').count()).toBe(0);
    expect(await page.locator('h2', { hasText: 'Heads & <chunks>' }).count()).toBe(1);
    expect(await page.locator('svg text', { hasText: 'llhttp <wasm>' }).count()).toBe(2);
  });

  test('fits a phone: tables scroll by themselves, charts are no wider than the page', async () => {
    const { page } = await open({ viewport: { width: 360, height: 800 } });
    await page.locator('details').evaluateAll((all) => {
      for (const one of all) one.setAttribute('open', '');
    });
    const { width, charts } = await page.evaluate(() => ({
      width: document.documentElement.scrollWidth,
      charts: Math.max(...Array.from(document.querySelectorAll('svg'), (one) => one.getBoundingClientRect().right)),
    }));
    expect(width).toBe(360);
    expect(charts).toBeLessThanOrEqual(360);
    expect(
      await page
        .locator('.scrolling')
        .first()
        .evaluate((box) => box.scrollWidth > box.clientWidth),
    ).toBe(true);
  });

  test('is dark where that is asked for, its charts as well, and light in print', async () => {
    const colours = async (page: Page) =>
      page.evaluate(() => {
        const of = (found: Element | null, property: 'fill' | 'backgroundColor') =>
          found && getComputedStyle(found)[property];
        return {
          paper: of(document.body, 'backgroundColor'),
          text: of(document.querySelector('svg text'), 'fill'),
          dot: of(document.querySelector('svg path[fill="var(--better)"]'), 'fill'),
        };
      });
    const light = await colours((await open({ colorScheme: 'light' })).page);
    const { page } = await open({ colorScheme: 'dark' });
    const dark = await colours(page);
    expect(light).toEqual({ paper: 'rgb(255, 255, 255)', text: 'rgb(27, 31, 35)', dot: 'rgb(11, 102, 195)' });
    expect(dark).toEqual({ paper: 'rgb(20, 23, 26)', text: 'rgb(230, 232, 234)', dot: 'rgb(90, 174, 255)' });
    await page.emulateMedia({ media: 'print' });
    expect(await colours(page)).toEqual(light);
    // All figures are printed, although they are folded away on the screen.
    expect(
      await page
        .locator('details table')
        .first()
        .evaluate((table) => table.getBoundingClientRect().height),
    ).toBeGreaterThan(100);
  });
});
