// The engine's table of applications, mounted in each way an application can run. `/3` runs entry 3, `/trace/3` tells
// in which order it was used the last time; `/context/` is in contexts.ts.
import type { Application, AsyncApplication, AsyncEnviron, AsyncStartResponse, Environ, StartResponse } from 'quaich';
import { asyncToSync, syncToAsync } from 'quaich/shim';
import { APPLICATIONS, ASYNC_FORMS, bytes, type Trace } from '../../engine/application-table.ts';
import { asyncContexts, syncContexts } from './contexts.ts';

const traces = new Map<number, Trace>();
const form = ASYNC_FORMS[2].make;

function pick(path: string): { index: number; asked: boolean } {
  const asked = path.startsWith('/trace/');
  return { index: Number(path.slice(asked ? 7 : 1)), asked };
}

function begin(index: number): Trace {
  const trace: Trace = [];
  traces.set(index, trace);
  return trace;
}

const told = (index: number): [Uint8Array] => [bytes(JSON.stringify(traces.get(index) ?? []))];

export function syncApp(environ: Environ, startResponse: StartResponse): ReturnType<Application> {
  if (environ.PATH_INFO.startsWith('/context/')) return syncContexts(environ, startResponse);
  const { index, asked } = pick(environ.PATH_INFO);
  if (!asked) return APPLICATIONS[index].app(begin(index))(environ, startResponse);
  startResponse('200 OK', []);
  return told(index);
}

export async function asyncApp(
  environ: AsyncEnviron,
  startResponse: AsyncStartResponse,
): Promise<Awaited<ReturnType<AsyncApplication>>> {
  if (environ.PATH_INFO.startsWith('/context/')) return asyncContexts(environ, startResponse);
  const { index, asked } = pick(environ.PATH_INFO);
  if (!asked) return form(APPLICATIONS[index].app(begin(index)))(environ, startResponse);
  startResponse('200 OK', []);
  return told(index);
}

export const bridgedSync = syncToAsync(`${import.meta.url}:syncApp`, { threads: 1, ahead: 0 });
export const bridgedAsync = asyncToSync(`${import.meta.url}:asyncApp`, { ahead: 0 });
