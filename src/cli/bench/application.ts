/** What the application to be measured is, learnt without a request. */
import { fileURLToPath } from 'node:url';
import { ConfigurationError } from '../../interface/errors.ts';
import type { AppOptions } from '../../pool/load.ts';
import type { ProbedApplication } from '../../pool/probe.ts';
import { resolveOptions } from '../../server/options.ts';
import { probe } from '../../server/probe.ts';

/** The variable by which `adapted` learns which export it makes an application of. */
export const ADAPTED = 'QUAICH_BENCH_ADAPTED';

export interface BenchedApplication extends ProbedApplication {
  /** What to give to `serve`, or to the command. */
  readonly app: AppOptions;
  /** For every process that loads it. */
  readonly env: Readonly<Record<string, string>>;
  /** Where the module exports something that needs an adapter: the message that refuses it in serving. */
  readonly refused: string | null;
}

/**
 * Loads the application on a thread that ends with that. An export of Express, Koa, Fastify or Hono without an adapter
 * is given one for the measurement.
 *
 * @throws ConfigurationError for a module that does not load
 */
export async function inspectApplication(app: AppOptions, directory: string): Promise<BenchedApplication> {
  try {
    return { ...(await probeOne(app, directory)), app, env: {}, refused: null };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const env = { [ADAPTED]: JSON.stringify({ app, directory }) };
    const adapted = { prefix: app.prefix, module: fileURLToPath(new URL('./adapted.js', import.meta.url)) };
    Object.assign(process.env, env); // the thread has a copy of it
    const found = await probeOne(adapted, directory).catch(() => null);
    if (found === null) throw error;
    return { ...found, app: adapted, env, refused: error.message };
  }
}

async function probeOne(app: AppOptions, directory: string): Promise<ProbedApplication> {
  const [found] = await probe(resolveOptions({ apps: app, directory }));
  return found;
}
