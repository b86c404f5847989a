// node bench/report/pictures.mjs FOLDER: pictures of the report.html there, for pages that cannot show it: the charts
// of each suite in light and in dark, as SUITE.png and SUITE-dark.png. Takes a Chromium that is installed.
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BROWSER_FLAGS, findBrowser } from './browser.mjs';

const WIDTH = 1100;

const [folder = 'build/bench'] = process.argv.slice(2);
const executablePath = findBrowser();
if (executablePath === undefined) console.error('No Chromium is installed: there are no pictures of the report.');
else await takePictures();

async function takePictures() {
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({ executablePath, args: BROWSER_FLAGS });
  try {
    for (const colorScheme of ['light', 'dark']) {
      const page = await browser.newPage({ colorScheme, viewport: { width: WIDTH, height: 800 } });
      await page.goto(pathToFileURL(resolve(folder, 'report.html')).href);
      for (const section of await page.locator('section[id]').all()) {
        const name = await section.getAttribute('id');
        const path = join(folder, `${name}${colorScheme === 'dark' ? '-dark' : ''}.png`);
        await section.locator('.cards').screenshot({ path });
      }
    }
  } finally {
    await browser.close();
  }
}
