/** What the application to be measured is, learnt without a request. */
import { fileURLToPath } from 'node:url';
import { ConfigurationError } from '../../interface/errors.ts';
import { resolveModule } from '../../pool/find-module.ts';
import type { AppOptions } from '../../pool/load.ts';
import type { ProbedApplication } from '../../pool/probe.ts';
import { resolveOptions } from '../../server/options.ts';
import { probe } from '../../server/probe.ts';
import { ADAPTED, type AppOrder } from './orders.ts';

export interface BenchedApplication extends ProbedApplication {
  /** What to give to `serve`, or to the command. */
  readonly app: AppOptions;
  /** The file of its module. */
  readonly file: string;
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
  const file = resolveModule(app.module, directory);
  try {
    return { ...(await probeOne(app, directory)), app, file, env: {}, refused: null };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const order: AppOrder = { app, directory };
    const env = { [ADAPTED]: JSON.stringify(order) };
    const adapted = { prefix: app.prefix, module: fileURLToPath(new URL('./adapted.js', import.meta.url)) };
    Object.assign(process.env, env); // the thread has a copy of it
    const found = await probeOne(adapted, directory).catch(() => null);
    if (found === null) throw error;
    return { ...found, app: adapted, file, env, refused: error.message };
  }
}

async function probeOne(app: AppOptions, directory: string): Promise<ProbedApplication> {
  const [found] = await probe(resolveOptions({ apps: app, directory }));
  return found;
}
