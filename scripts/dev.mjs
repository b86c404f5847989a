// Rebuilds on change and serves the examples anew: npm run dev
import { spawn, spawnSync } from 'node:child_process';
import { watch } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const QUIET_MS = 150;
let server = null;
let timer = null;

async function restart() {
  const old = server;
  server = null;
  if (old !== null) {
    old.kill('SIGTERM');
    await new Promise((resolve) => old.once('exit', resolve));
  }
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: 'inherit' });
  if (built.status !== 0) return;
  const args = [join(root, 'dist/src/cli/main.js'), '--config', join(root, 'examples/quaich.config.mjs')];
  server = spawn(process.execPath, [...args, '--timeout-graceful', '1s', ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
}

for (const folder of ['assembly', 'src', 'workers', 'examples']) {
  watch(join(root, folder), { recursive: true }, (_event, name) => {
    // What the build itself writes is no change.
    if (name === null || /(^|[\\/])(wasm[\\/]|tables\.ts$)/.test(name)) return;
    clearTimeout(timer);
    timer = setTimeout(() => restart(), QUIET_MS);
  });
}
process.once('SIGINT', () => server?.kill('SIGINT'));
await restart();
