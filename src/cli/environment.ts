import { nearest } from '../server/names.ts';
import { readSetting, type SettingName, settingNames, settings } from '../server/options.ts';
import { addressOf, flagName, type Layer } from './arguments.ts';
import { inheritedSockets } from './systemd.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = 'QUAICH_';

/** `syncWorkers` becomes `QUAICH_SYNC_WORKERS`. */
export function variableName(name: string): string {
  return `${PREFIX}${flagName(name).replaceAll('-', '_').toUpperCase()}`;
}

/**
 * Reads the settings from `QUAICH_*` variables, or from those of other servers that mean the same; an empty one counts
 * as absent. Lists are separated by commas, pairs for the environ by newlines.
 *
 * @throws ConfigurationError
 */
export function readEnvironment(env: Environment): {
  layer: Layer;
  /** What counts where nothing else names these settings. */
  platform: Layer;
  apps: string[];
  config: string | undefined;
  warnings: string[];
} {
  const layer: Layer = new Map();
  for (const name of settingNames) {
    const { separator, otherVariable = '' } = settings[name];
    const own = variableName(name);
    const where = env[own] ? own : otherVariable;
    const text = env[where];
    if (!text) continue;
    layer.set(name, { value: readSetting(name, separator ? parts(text, separator) : text, where), where });
  }
  const known = [...settingNames, 'apps', 'config', 'chdir'].map(variableName);
  const warnings: string[] = [];
  for (const name of Object.keys(env)) {
    // Only near misses: others may own variables of that form, as Kubernetes does for a service named "quaich".
    if (!name.startsWith(PREFIX) || known.includes(name)) continue;
    const [word, ...words] = [name, ...known].map((variable) => variable.slice(PREFIX.length));
    const meant = nearest(word, words);
    if (meant) warnings.push(`unknown environment variable ${name}; did you mean ${PREFIX}${meant}?`);
  }
  return {
    layer,
    platform: readPlatform(env),
    apps: parts(env.QUAICH_APPS ?? '', ','),
    config: env.QUAICH_CONFIG || undefined,
    warnings,
  };
}

/**
 * Reads the variables that platforms set for whatever they start, and what systemd says of the sockets that it hands
 * over.
 */
function readPlatform(env: Environment): Layer {
  const layer: Layer = new Map();
  const set = (name: SettingName, input: unknown, where: string) =>
    layer.set(name, { value: readSetting(name, input, where), where });
  const sockets = inheritedSockets(env, process.pid);
  if (sockets.length > 0) set('bind', sockets, 'LISTEN_FDS');
  // A host alone may be meant for others: some shells and compilers have such a variable.
  else if (env.PORT) set('bind', [addressOf(env.HOST ?? '', env.PORT)], 'PORT');
  if (env.WEB_CONCURRENCY) set('processes', env.WEB_CONCURRENCY, 'WEB_CONCURRENCY');
  return layer;
}

function parts(text: string, separator: string): string[] {
  return text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
