/** What `quaich dev` prints when requests can be answered. */

import { version } from '../../rules/version.ts';
import type { Server } from '../../server/index.ts';
import { mountTable } from '../start-lines.ts';
import type { Paint } from './colours.ts';
import { KEYS } from './keys.ts';

/** The address as a browser takes it: one that stands for all addresses is this machine's. */
export function clickable(url: string): string {
  if (!/^https?:/.test(url)) return url;
  return `${url.replace(/\/\/(?:0\.0\.0\.0|\[::\]|127\.0\.0\.1|\[::1\])(?=:)/, '//localhost')}/`;
}

interface BannerOptions {
  readonly directory: string;
  /** Milliseconds that the start took. */
  readonly time: number;
  /** Whether there are keys to be pressed. */
  readonly keys: boolean;
  readonly paint: Paint;
}

/** Versions, mounts, addresses and keys. */
export function banner(
  { urls, applications }: Pick<Server, 'urls' | 'applications'>,
  { directory, time, keys, paint }: BannerOptions,
): string {
  const head = `${paint('bold', `quaich ${version()}`)} · Node ${process.versions.node} · ready in ${Math.round(time)} ms`;
  const addresses = urls.map((url) => paint('cyan', clickable(url)));
  const parts = [[head], mountTable(applications, directory), addresses, keys ? [paint('dim', KEYS)] : []];
  const lines = parts.filter((part) => part.length > 0).map((part) => part.map((line) => `  ${line}\n`).join(''));
  return `\n${lines.join('\n')}\n`;
}
