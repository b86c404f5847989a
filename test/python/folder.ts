/** What tests with Python share: where interpreters are kept, so that not each file of tests makes one from nothing. */
import { fileURLToPath } from 'node:url';

export const cache = fileURLToPath(new URL('../../node_modules/.cache/quaich-python', import.meta.url));
export const apps = fileURLToPath(new URL('./apps', import.meta.url));
