// The first five minutes of a new user, each step as the pages say it: prints what is typed and what comes back. The
// package is packed from this folder, the files are the samples of the pages. Everything happens in a temporary folder.
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'quaich-five-minutes-'));
chmodSync(folder, 0o755);
const site = join(folder, 'site');
const container = join(folder, 'app');
const npm = '--prefer-offline --no-audit --no-fund --loglevel=error';
const began = performance.now();

/** Variables of npm and of test runners are not those of a new user. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(?:npm_|NODE_|VITEST|QUAICH_|PORT$|HOST$)/i.test(name)),
);

/** A sample of a page, by its name. */
function sample(page, name) {
  const text = readFileSync(join(root, page), 'utf8');
  const found = new RegExp(`^\`\`\`js ${name}\\n([\\s\\S]*?)^\`\`\``, 'm').exec(text);
  if (found === null) throw new Error(`${page} has no ${name}`);
  return found[1];
}

function say(text) {
  process.stdout.write(text === '' ? '\n' : `${text.trimEnd()}\n`);
}

function step(text) {
  say(`\n## ${text} (${((performance.now() - began) / 1000).toFixed(1)} s)\n`);
}

function save(name, text) {
  writeFileSync(join(site, name), text);
  say(`(${name} is saved)`);
}

/** Types a command, and waits for its end. */
async function type(command, { cwd = site, fails = false } = {}) {
  say(`$ ${command.replaceAll(` ${npm}`, '').replaceAll(folder, '~')}`);
  const child = spawn('bash', ['-c', `${command} 2>&1`], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  const code = await new Promise((resolve) => child.once('close', resolve));
  say(output.replaceAll(folder, '~'));
  if ((code !== 0) !== fails) throw new Error(`${command} has ended with ${code}`);
}

/** Types a command that serves; fulfils with its address. */
async function serve(command, { cwd = site, ...options } = {}) {
  say(`$ ${command.replaceAll(folder, '~')}`);
  const [file, ...args] = command.split(' ');
  const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const server = { url: '', output: '', stop, until };
  const ended = new Promise((resolve) => child.once('close', resolve));
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      server.output += text;
      process.stdout.write(text.replaceAll(folder, '~'));
    });
  }
  /** What matches in the output, once it is there. */
  async function until(pattern) {
    for (;;) {
      const found = pattern.exec(server.output);
      if (found !== null) return found;
      const next = new Promise((resolve) => {
        for (const stream of [child.stdout, child.stderr]) stream.once('data', () => resolve(false));
      });
      if (await Promise.race([ended.then(() => true), next])) throw new Error(`${command} has ended`);
    }
  }
  async function stop() {
    child.kill('SIGTERM');
    const code = await ended;
    say(`(stopped, exit code ${code})`);
    if (code !== 0) throw new Error(`${command} has ended with ${code}`);
  }
  server.url = (await until(/(https?:\/\/[\w.[\]:]+\d)/))[1];
  return server;
}

/** As `curl` does it. */
function get(url, path) {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    request(url + path, { agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.once('end', () => {
        say(`$ curl ${path}`);
        say(`${text.trimEnd()} (${response.statusCode}, ${Math.round(performance.now() - started)} ms)`);
        resolve(performance.now() - started);
      });
    })
      .once('error', reject)
      .end();
  });
}

async function main() {
  await new Promise((resolve, reject) => {
    spawn('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: root })
      .once('close', resolve)
      .once('error', reject);
  });
  const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '');

  step('An empty folder');
  mkdirSync(site);
  await type('npm init -y > /dev/null');
  // As npm 11 writes it; those before leave it out.
  await type('npm pkg set type=commonjs');
  await type(`npm install ${npm} ${tarball} express`);

  step('An Express file, as it is');
  save('express.js', sample('docs/existing-applications.md', 'express.js'));
  await type('npx quaich ./express.js', { fails: true });
  await type('npm pkg set type=module');
  const first = await serve('node_modules/.bin/quaich ./express.js -p 0');
  await get(first.url, '/');
  await first.stop();

  step('Edited, and served again');
  const dev = await serve('node_modules/.bin/quaich dev ./express.js -p 0');
  await get(dev.url, '/');
  save('express.js', sample('docs/existing-applications.md', 'express.js').replace('Hello', 'Good morning'));
  await dev.until(/reloaded in .*\n/);
  await get(dev.url, '/');
  save('express.js', 'const = 1;');
  await dev.until(/mend it and save/);
  await get(dev.url, '/');
  save('express.js', sample('docs/existing-applications.md', 'express.js'));
  await dev.until(/reloaded in [\s\S]*reloaded in .*\n/);
  await dev.stop();

  step('The handler that blocks, moved beside it');
  save('slow.js', sample('docs/existing-applications.md', 'slow.js'));
  const both = await serve('node_modules/.bin/quaich /=./express.js /slow=./slow.js -p 0');
  const slow = get(both.url, '/slow');
  const quick = await get(both.url, '/');
  if (quick >= (await slow)) throw new Error('the quick answer waited for the slow one');
  await both.stop();

  step('Tested');
  save(
    'slow.test.js',
    `import assert from 'node:assert';
import { test } from 'node:test';
import { testClient } from 'quaich/testing';
import { app } from './slow.js';

test('it says hello', () => {
  const response = testClient(app).get('/');
  assert.equal(response.status, 200);
  assert.match(response.text, /Hello/);
});
`,
  );
  await type('node --test --test-reporter=tap | grep -E "^(not )?ok|^# (pass|fail)"');
  await type('npx quaich check ./slow.js');

  step('In a minimal environment, as the Dockerfile makes it');
  save(
    'quaich.config.js',
    `export default { apps: ['/=./express.js', '/slow=./slow.js'], healthPath: '/healthz', syncWorkers: 1, asyncWorkers: 1 };\n`,
  );
  mkdirSync(container);
  const modulesAside = (path) => !path.includes(`${site}/node_modules`);
  cpSync(site, container, { recursive: true, filter: modulesAside });
  await type(`npm ci ${npm} --omit=dev --omit=optional`, { cwd: container });
  const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const variables = { PATH: dirname(process.execPath), HOST: '127.0.0.1', PORT: '0', NODE_ENV: 'production' };
  const small = { cwd: container, env: variables, ...nobody };
  const last = await serve('node_modules/.bin/quaich', small);
  await get(last.url, '/healthz');
  await get(last.url, '/slow');
  await last.stop();
  step('Done');
}

try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
