// A Chromium that is installed on this machine.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'chromium-headless-shell', 'google-chrome'];

/** It runs as root as well, and asks nobody for anything: only files of this machine are opened. */
export const BROWSER_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
];

/** @returns {string | undefined} what $CHROMIUM names, else the first one on the path */
export function findBrowser() {
  const { CHROMIUM, PATH = '' } = process.env;
  const places = PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [...(CHROMIUM === undefined ? [] : [CHROMIUM]), ...places].find((place) => existsSync(place));
}
