#!/usr/bin/env node
// `npm create quaich NAME` does what `quaich create NAME` does.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);
const { bin } = require('quaich/package.json');
const main = join(require.resolve('quaich/package.json'), '..', bin.quaich);
process.argv.splice(2, 0, 'create');
await import(pathToFileURL(main).href);
