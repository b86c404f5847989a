/** A sync application behind `where: 'here'`, in the engine. */
import { AsyncInput } from '../../src/engine/async-input.ts';
import { type RunningRequest, runAsync } from '../../src/engine/run-async.ts';
import type { Application } from '../../src/interface/types.ts';
import { type SyncToAsyncOptions, syncToAsync } from '../../src/shim/index.ts';
import { type Blocks, environWith, RecordingTransport } from './gateway.ts';

export interface Run {
  transport: RecordingTransport<true>;
  environ: ReturnType<typeof environWith>;
  running: RunningRequest | undefined;
}

/** Begins a request to a sync application on this event loop. */
export function begin(
  app: Application,
  {
    source = null,
    more,
    options,
  }: { source?: Blocks | null; more?: Record<string, unknown>; options?: SyncToAsyncOptions } = {},
  prepare: (transport: RecordingTransport<true>) => void = () => {},
): Run {
  const environ = environWith(new AsyncInput(source), { 'quaich.async': true, 'wsgi.multithread': true, ...more });
  const transport = new RecordingTransport<true>();
  prepare(transport);
  const running = runAsync(syncToAsync(app, { where: 'here', ...options }), environ, transport);
  return { transport, environ, running };
}

/** The same, when it is over. */
export async function answer(...parameters: Parameters<typeof begin>): Promise<Run> {
  const run = begin(...parameters);
  await run.transport.over;
  return run;
}
