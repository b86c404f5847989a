/** What tests with Python share: where interpreters are kept, so that not each file of tests makes one from nothing. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const caches = fileURLToPath(new URL('../../node_modules/.cache', import.meta.url));
// Where nobody says otherwise, as in bridges.
process.env.XDG_CACHE_HOME = caches;

export const cache = join(caches, 'quaich');
export const apps = fileURLToPath(new URL('./apps', import.meta.url));
