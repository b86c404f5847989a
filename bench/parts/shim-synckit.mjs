// The worker of synckit.
import { runAsWorker } from 'synckit';
import { asyncFunction } from './shim-apps.mjs';

runAsWorker(asyncFunction);
