/** Opens a page in the browser of whoever develops. */
import { spawn } from 'node:child_process';
import type { Environment } from '../environment.ts';

/** The command that opens an address; what the variable `BROWSER` names goes before it. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', '""'],
};
const USUAL: readonly string[] = ['xdg-open'];

/** @param failed is told why the browser could not be started */
export function openBrowser(url: string, { BROWSER }: Environment, failed: (reason: string) => void): void {
  const [command, ...args] = BROWSER ? [BROWSER] : (COMMANDS[process.platform] ?? USUAL);
  const child = spawn(command, [...args, url], { stdio: 'ignore', detached: true });
  child.once('error', (error) => failed(error.message));
  child.unref();
}
