// Tells which AsyncLocalStorage context each part of a request is in. `/context/alice` enters `alice`; `/context/`
// enters nothing; `/context/told` tells what was in a context behind the response, since it was asked last.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Application, AsyncApplication, AsyncEnviron, AsyncStartResponse, Environ, StartResponse } from 'quaich';
import { asyncToSync, syncToAsync } from 'quaich/shim';
import { bytes } from '../../engine/application-table.ts';

const user = new AsyncLocalStorage<string>();
const seen = (): string => user.getStore() ?? 'nobody';
let told: string[] = [];

function tell(): [Uint8Array] {
  const text = told.join(' ');
  told = [];
  return [bytes(text)];
}

/** What both kinds do when they are called. */
function enter(path: string): string {
  const name = path.slice('/context/'.length);
  const before = seen();
  if (name !== '') user.enterWith(name);
  setTimeout(() => told.push(`timer:${seen()}`), 0);
  return `call:${before}`;
}

export function syncContexts({ PATH_INFO }: Environ, startResponse: StartResponse): ReturnType<Application> {
  startResponse('200 OK', []);
  if (PATH_INFO.endsWith('/told')) return tell();
  const call = enter(PATH_INFO);
  function* steps(): Generator<Uint8Array> {
    yield bytes(call);
    yield bytes(` step:${seen()}`);
  }
  return { [Symbol.iterator]: steps, close: () => void told.push(`close:${seen()}`) };
}

export async function asyncContexts(
  { PATH_INFO }: AsyncEnviron,
  startResponse: AsyncStartResponse,
): Promise<Awaited<ReturnType<AsyncApplication>>> {
  startResponse('200 OK', []);
  if (PATH_INFO.endsWith('/told')) return tell();
  const call = enter(PATH_INFO);
  async function* steps(): AsyncGenerator<Uint8Array> {
    yield bytes(call);
    await null;
    yield bytes(` step:${seen()}`);
  }
  return { [Symbol.asyncIterator]: steps, close: () => void told.push(`close:${seen()}`) };
}

// With a hook that enters something.

const startup = (): void => user.enterWith('hook');

export const syncApp: Application = Object.assign(
  (environ: Environ, start: StartResponse) => syncContexts(environ, start),
  {
    startup,
  },
);
export const asyncApp: AsyncApplication = Object.assign(
  async (environ: AsyncEnviron, start: AsyncStartResponse) => asyncContexts(environ, start),
  { startup },
);
export const bridgedSync = syncToAsync(`${import.meta.url}:syncApp`, { threads: 1 });
export const bridgedAsync = asyncToSync(`${import.meta.url}:asyncApp`);
