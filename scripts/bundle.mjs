// Bundles the sources into dist: a start of the command reads a dozen files in place of hundreds. All entries are made
// in one go, so that they share their code: an error is an instance of its class, whichever entry that was taken from.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { rolldown } from 'rolldown';

/** What is started by its address (`builtModule` of src/rules/own-files.ts), beside all in `workers/`. */
const STARTED = [
  'src/bench/load-autocannon',
  'src/cli/bench/own-server',
  'src/cli/bench/prepared',
  'src/cli/dev/around',
  'src/cli/dev/failed-application',
];

/**
 * What tests, scripts and benches take from inside the package. Each is a line that passes on the code in the chunks.
 */
const INSIDE = [
  'assembly/layout',
  'src/adapters/node-listener',
  'src/adapters/served-socket',
  'src/bench/format',
  'src/bench/http-case',
  'src/bench/load',
  'src/bench/load-process',
  'src/bench/load-request',
  'src/bench/process-tree',
  'src/bench/progress',
  'src/bench/server-process',
  'src/bench/statistics',
  'src/bench/suite',
  'src/bench/summary',
  'src/cli/documentation',
  'src/cli/run',
  'src/engine/async-input',
  'src/engine/context',
  'src/engine/run-async',
  'src/engine/run-sync',
  'src/engine/sync-input',
  'src/environ/builder',
  'src/interface/transport',
  'src/pool/states',
  'src/protocols/http/parser',
  'src/protocols/http/wasm/tables',
  'src/protocols/states',
  'src/rings/index',
  'src/server/index',
  'src/server/plan',
];

/**
 * What is loaded together lies in one file: modules of src/ by the beginning of their names, each with all that it
 * imports and that no group above has. What is loaded late, or by few, is left to the bundler, which has no entry load
 * what it does not need.
 */
const GROUPS = {
  // All but a few entries need it, and it needs no package.
  core: [
    'engine/',
    'environ/builder',
    'environ/cgi-variables',
    'environ/peer',
    'interface/',
    'pool/cpus',
    'protocols/http/wasm/tables',
    'protocols/reset',
    'rules/',
    'server/mounts',
    'server/standard-streams',
  ],
  worker: ['pool/async-worker', 'pool/loaded-thread', 'pool/probe', 'pool/sync-worker'],
  pool: ['pool/pool'],
  settings: ['server/options'],
  planning: ['server/plan'],
  parser: ['protocols/http/parser'],
  gateway: ['server/define-config', 'server/index', 'server/serve'],
  command: ['cli/run'],
  measuring: ['bench/(?!load-autocannon)'],
};

/** @param {string} root the folder of the package */
export async function bundle(root) {
  const { bin, exports, dependencies, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const built = [...Object.values(bin), ...Object.values(exports).map((entry) => entry.default ?? '')];
  const offered = built.flatMap((path) => /^(?:\.\/)?dist\/(.*)\.js$/.exec(path)?.[1] ?? []);
  const threads = readdirSync(join(root, 'workers')).map((file) => `workers/${file.replace(/\.ts$/, '')}`);
  const packages = Object.keys({ ...dependencies, ...peerDependencies });
  const build = await rolldown({
    cwd: root,
    input: Object.fromEntries([...offered, ...threads, ...STARTED, ...INSIDE].map((name) => [name, `./${name}.ts`])),
    platform: 'node',
    external: new RegExp(`^(?:${packages.join('|')})(?:/|$)`),
    tsconfig: join(root, 'tsconfig.json'),
    transform: { target: 'es2022' },
    onLog(level, { message }) {
      if (level === 'warn') throw new Error(message);
    },
  });
  const { output } = await build.generate({
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name].js',
    codeSplitting: { groups: groupsOf(join(root, 'src')) },
    minifyInternalExports: false,
    comments: { jsdoc: false },
    sourcemap: true,
    sourcemapExcludeSources: true,
  });
  await build.close();
  write(join(root, 'dist'), new Map(output.map((file) => [file.fileName, file.code ?? file.source])));
}

/** The groups as the bundler takes them. */
function groupsOf(folder) {
  const names = Object.keys(GROUPS);
  return names.map((name, index) => {
    const pattern = new RegExp(`^(?:${GROUPS[name].join('|')})`);
    return {
      name,
      test: (file) => pattern.test(relative(folder, file).replaceAll('\\', '/')),
      priority: names.length - index,
    };
  });
}

/** Writes what has changed, and removes the modules that are none any more. */
function write(folder, files) {
  for (const [name, text] of files) {
    const path = join(folder, name);
    if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  for (const name of readdirSync(folder, { recursive: true })) {
    if (/\.js(?:\.map)?$/.test(name) && !files.has(name.replaceAll('\\', '/'))) rmSync(join(folder, name));
  }
}
