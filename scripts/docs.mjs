// Writes docs/configuration.md from the settings table of the built package.
import { existsSync, writeFileSync } from 'node:fs';

const built = new URL('../dist/src/cli/documentation.js', import.meta.url);
if (!existsSync(built)) {
  console.error('The documentation comes from the built package: run `npm run build` first.');
  process.exit(1);
}
const { configurationPage } = await import(built.href);
writeFileSync(new URL('../docs/configuration.md', import.meta.url), configurationPage());
