// quaich demo: what it shows is measured here as in its page, and looked at in a browser.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { BROWSER_FLAGS, findBrowser } from '../../bench/report/browser.mjs';
import { type Command, ended, ready, start } from './command.ts';

const directory = mkdtempSync(join(tmpdir(), 'quaich-demo-'));
afterAll(() => rmSync(directory, { recursive: true }));

const executable = findBrowser();
if (executable === undefined) console.warn('no Chromium is installed: the page of the demonstration is not looked at');

interface Demo {
  command: Command;
  /** The address of Quaich. */
  url: string;
  /** That of node:http. */
  plain: string;
}

async function demo(): Promise<Demo> {
  const command = start(['demo', '-p', '0', '--sync-workers', '2', '--async-workers', '1'], {
    cwd: directory,
    env: { EXAMPLES_DATA: directory },
  });
  const [url] = await ready(command);
  const plain = await vi.waitFor(() => /^ {2}(http:\S+)\/ +node:http alone$/m.exec(command.stderr)![1], 5000);
  return { command, url, plain };
}

/** How late, in milliseconds, a clock was at most while its server was asked to sleep for a second. */
async function latest(server: string): Promise<number> {
  const response = await fetch(`${server}/events/stream?every=100`);
  const reader = response.body!.getReader();
  const asleep = { isOver: false };
  let late = 0;
  let sleep: Promise<unknown> | undefined;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error('the clock ended');
    const ticks = Buffer.from(value)
      .toString()
      .matchAll(/"late":(\d+)/g);
    for (const [, one] of ticks) late = Math.max(late, Number(one));
    if (asleep.isOver) break;
    sleep ??= fetch(`${server}/late/sleep?seconds=1`)
      .then((answer) => answer.json())
      .then(() => {
        asleep.isOver = true;
      });
  }
  await sleep;
  await reader.cancel();
  return late;
}

const isGone = (url: string): Promise<void> =>
  vi.waitFor(async () => expect(await fetch(url).catch(() => null)).toBe(null), { timeout: 15_000, interval: 50 });

describe('quaich demo', () => {
  it('L-70 has a clock that goes on while SQLite sleeps, beside one of node:http that does not', async () => {
    const { command, url, plain } = await demo();
    expect(command.stderr).toContain(`\n  ${url}/late/  Quaich, and its neighbour in the same page\n`);
    const late = { quaich: await latest(url), plain: await latest(plain) };
    expect(late.plain).toBeGreaterThan(800);
    expect(late.quaich).toBeLessThan(late.plain / 2);
    expect((await fetch(`${url}/`)).status).toBe(200);
    expect(await (await fetch(`${plain}/`)).text()).toContain('data-name="node:http"');
    expect((await fetch(`${plain}/nothing`)).status).toBe(404);
    command.child.kill('SIGTERM');
    expect(await command.code).toBe(0);
    await isGone(plain);
  });

  it('L-70 leaves nothing behind when it is killed', async () => {
    const { command, plain } = await demo();
    command.child.kill('SIGKILL');
    await command.code;
    await isGone(plain);
  });

  it.skipIf(executable === undefined)('L-70 draws it', async () => {
    const { url } = await demo();
    const browser = await chromium.launch({ executablePath: executable, args: BROWSER_FLAGS });
    try {
      const page = await browser.newPage();
      const said: string[] = [];
      page.on('console', (message) => said.push(message.text()));
      page.on('pageerror', (error) => said.push(String(error)));
      await page.goto(`${url}/late/`);
      const figure = (name: string) => page.locator(`figure[data-name="${name}"]`);
      const worst = async (name: string) => Number(await figure(name).locator('.worst').textContent());
      await page.getByRole('button', { name: 'Sleep 1 s' }).click();
      await page.locator('#slept', { hasText: /Quaich: .* slept .*; node:http: .* slept / }).waitFor();
      expect(await worst('node:http')).toBeGreaterThan(600);
      expect(await worst('Quaich')).toBeLessThan((await worst('node:http')) / 2);
      for (const name of ['Quaich', 'node:http']) {
        expect(await figure(name).locator('polyline').getAttribute('points')).toMatch(/^0,\d+\.\d 1,/);
      }
      expect(said).toEqual([]);
    } finally {
      await browser.close();
    }
  });

  it.each([
    ['demo', './site.js', 'demo serves the examples; ./site.js is none of them'],
    ['demo', '--config=x.js', 'demo has a configuration of its own'],
    ['demo', '--prot=1', 'unknown option --prot; did you mean --port?'],
  ])('tells a mistake in one line: %s %s', async (name, argument, line) => {
    expect(await ended(start([name, argument]))).toEqual({ code: 2, stdout: '', stderr: `quaich: ${line}\n` });
  });

  it('has a help of 100 columns', async () => {
    const { code, stdout } = await ended(start(['demo', '--help']));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: quaich demo /);
    expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });
});
