import { nearest, readSetting, settingNames, settings } from '../server/options.ts';
import { flagName, type Layer } from './arguments.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** `syncWorkers` becomes `QUAICH_SYNC_WORKERS`. */
export function variableName(name: string): string {
  return `QUAICH_${flagName(name).replaceAll('-', '_').toUpperCase()}`;
}

/**
 * Reads the settings from `QUAICH_*` variables; an empty one counts as absent. Lists are separated by commas, pairs for
 * the environ by newlines.
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
    const where = variableName(name);
    const text = env[where];
    if (!text) continue;
    const { separator } = settings[name];
    layer.set(name, { value: readSetting(name, separator ? parts(text, separator) : text, where), where });
  }
  const known = [...settingNames, 'apps', 'config'].map(variableName);
  const warnings: string[] = [];
  for (const name of Object.keys(env)) {
    // Only near misses: others may own variables of that form, as Kubernetes does for a service named "quaich".
    if (!name.startsWith('QUAICH_') || known.includes(name)) continue;
    const meant = nearest(name, known);
    if (meant && Math.abs(meant.length - name.length) <= 2 && near(name, meant)) {
      warnings.push(`unknown environment variable ${name}; did you mean ${meant}?`);
    }
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

/** Judged without the prefix, which all of them share. */
function near(name: string, meant: string): boolean {
  const [word, known] = [name, meant].map((variable) => variable.slice('QUAICH_'.length));
  return nearest(word, [known]) !== undefined;
}
