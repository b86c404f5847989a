/** Bridges in the engine, whichever way they lead. */
import { asyncToSync, type SyncToAsyncOptions, syncToAsync } from 'quaich/shim';
import { AsyncInput } from '../../dist/src/engine/async-input.js';
import { runAsync } from '../../dist/src/engine/run-async.js';
import { runSync } from '../../dist/src/engine/run-sync.js';
import { SyncInput } from '../../dist/src/engine/sync-input.js';
import { type Blocks, environWith, logOf, RecordingTransport, withoutFrames } from '../shim/gateway.ts';

export interface Answer {
  events: string[];
  body: string;
  log: string;
}

type Sync = Parameters<typeof runSync>[0];
type Async = Parameters<typeof runAsync>[0];

export function askSync(app: Sync, more: Record<string, unknown> = {}, source: Blocks | null = null): Answer {
  const environ = environWith(new SyncInput(source), more);
  const transport = new RecordingTransport<false>();
  runSync(app, environ, transport);
  return { events: transport.events, body: transport.body, log: withoutFrames(logOf(environ)) };
}

export async function askAsync(
  app: Async,
  more: Record<string, unknown> = {},
  source: Blocks | null = null,
): Promise<Answer> {
  const environ = environWith(new AsyncInput(source), { 'quaich.async': true, ...more });
  const transport = new RecordingTransport<true>();
  runAsync(app, environ, transport);
  await transport.over;
  return { events: transport.events, body: transport.body, log: withoutFrames(logOf(environ)) };
}

export interface Bridged {
  app: {
    startup?: (state: Record<string, unknown>) => unknown;
    shutdown?: (state: Record<string, unknown>) => unknown;
  };
  ask(more?: Record<string, unknown>, source?: Blocks | null): Promise<Answer>;
  /** Calls the application itself. */
  call(environ: ReturnType<typeof environWith>): unknown;
}

/** A bridge to a sync application, or to an async one. */
export function bridgeTo(kind: 'sync' | 'async', reference: string, options: SyncToAsyncOptions = {}): Bridged {
  if (kind === 'sync') {
    const app = syncToAsync(reference, { threads: 1, ...options });
    const call = (environ: ReturnType<typeof environWith>) => app(environ, () => async () => {});
    return { app, call, ask: (more, source) => askAsync(app, more, source) };
  }
  const app = asyncToSync(reference, options);
  const call = (environ: ReturnType<typeof environWith>) => app(environ, () => () => {});
  return { app, call, ask: async (more, source) => askSync(app, more, source) };
}
