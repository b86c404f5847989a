import { nearest } from '../server/names.ts';
import { readSetting, settingNames, settings } from '../server/options.ts';
import { flagName, type Layer } from './arguments.ts';

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
  const known = [...settingNames, 'apps', 'config'].map(variableName);
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
    apps: parts(env.QUAICH_APPS ?? '', ','),
    config: env.QUAICH_CONFIG || undefined,
    warnings,
  };
}

function parts(text: string, separator: string): string[] {
  return text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
