// Writes docs/configuration.md from the settings table of the built package, and the list of layers in
// docs/architecture.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { withLayers } from './layers.mjs';

const built = new URL('../dist/src/cli/documentation.js', import.meta.url);
if (!existsSync(built)) {
  console.error('The documentation comes from the built package: run `npm run build` first.');
  process.exit(1);
}
const { configurationPage } = await import(built.href);
writeFileSync(new URL('../docs/configuration.md', import.meta.url), configurationPage());

const architecture = new URL('../docs/architecture.md', import.meta.url);
writeFileSync(architecture, withLayers(readFileSync(architecture, 'utf8')));
