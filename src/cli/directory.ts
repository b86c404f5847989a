/** The directory that the command works in. */
import { resolve } from 'node:path';
import { ConfigurationError } from '../interface/errors.ts';
import { property } from '../rules/property.ts';
import type { Arguments } from './arguments.ts';
import type { Environment } from './environment.ts';

interface World {
  readonly env: Environment;
  readonly directory: string;
}

/**
 * Goes where `--chdir`, or else the variable `QUAICH_CHDIR`, says, ahead of everything that is looked up from there;
 * and returns the world as it is seen from there.
 *
 * @throws ConfigurationError where that is no directory that may be entered
 */
export function enterDirectory<W extends World>({ chdir }: Arguments, world: W): W {
  const given = chdir ?? world.env.QUAICH_CHDIR;
  if (!given) return world;
  const directory = resolve(world.directory, given);
  try {
    process.chdir(directory);
  } catch (error) {
    const where = chdir === undefined ? 'QUAICH_CHDIR' : '--chdir';
    throw new ConfigurationError(`${where}: cannot go to ${directory}: ${property(error, 'code')}`, { cause: error });
  }
  return { ...world, directory };
}
