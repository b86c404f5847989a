/** The package.json of a new project. */
import { basename } from 'node:path';
import { property } from '../../rules/property.ts';
import { packageManifest } from '../../rules/version.ts';

export type Language = 'javascript' | 'typescript';

/** What differs between the languages: scripts, and packages for development. */
const LANGUAGES: Readonly<Record<Language, { test: string; packages: readonly string[] }>> = {
  javascript: { test: 'node --test', packages: [] },
  typescript: {
    test: 'tsc && node --import tsx --test applications.test.ts',
    packages: ['@types/express', '@types/node', 'tsx', 'typescript'],
  },
};

/**
 * The text of the file. Other packages have the versions that this one is tested with.
 *
 * @param folder the project's
 */
export function manifestOf(folder: string, language: Language): string {
  const own = packageManifest();
  const tested = property(own, 'devDependencies');
  const versions = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, String(property(tested, name))]));
  const { test, packages } = LANGUAGES[language];
  const manifest = {
    name: packageName(folder),
    version: '0.1.0',
    private: true,
    type: 'module',
    scripts: { dev: 'quaich dev', start: 'quaich', test },
    dependencies: { ...versions(['express']), quaich: `^${property(own, 'version')}` },
    ...(packages.length > 0 && { devDependencies: versions(packages) }),
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** A name that npm takes, as near to that of the folder as may be. */
function packageName(folder: string): string {
  const letters = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-');
  const name = letters.replace(/^[._-]+/, '').slice(0, 200);
  return name === '' || name === 'node_modules' || name === 'quaich' ? 'site' : name;
}
