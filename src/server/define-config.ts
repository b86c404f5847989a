import type { ServeOptions } from './options.ts';

/** What a configuration file gives: the settings, and the applications, unless the command names those. */
export type ConfigFile = Omit<ServeOptions, 'apps' | 'directory' | 'accessLogStream' | 'errorLog' | 'wrapper'> &
  Partial<Pick<ServeOptions, 'apps'>>;

/**
 * The default export of a configuration file, as it is (U-63): the compiler checks names and values of its settings,
 * and an editor completes them.
 */
export function defineConfig(config: ConfigFile): ConfigFile {
  return config;
}
