// Peers are packages of the bench alone.
import { installPackages } from '../scripts/install.mjs';

export function installPeers() {
  installPackages(
    new URL('./', import.meta.url),
    'The bench installs those whom Quaich is compared with, into bench/node_modules ...',
  );
}
