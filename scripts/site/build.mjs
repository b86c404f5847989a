// npm run site: makes build/site/html of the pages in docs/, with a reference of all that the package exports.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages } from '../install.mjs';
import { pageFiles, placeOf, placeOfLinked, read, siteText, sourceText } from './pages.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../../', import.meta.url));
const site = join(root, 'build/site');
const pages = join(site, 'pages');

/** Runs a program of the site's packages, and ends with it where it fails. */
function run(program, ...args) {
  const bin = join(here, 'node_modules', program);
  const { status } = spawnSync(process.execPath, [bin, ...args], { cwd: here, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

/** @param {string} path @param {string} text */
function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** The pages, and what they link. */
function writePages() {
  const linked = new Set();
  for (const file of pageFiles()) {
    const page = siteText(file);
    write(join(pages, placeOf(file)), page.text);
    for (const other of page.linked) linked.add(other);
  }
  for (const file of linked) {
    const place = placeOfLinked(file);
    if (place.endsWith('.md')) write(join(pages, place), sourceText(file));
    else cpSync(join(root, file), join(pages, 'public', place), { recursive: true });
  }
}

/** What draws diagrams, as a module for browsers. */
function writeMermaid() {
  const built = join(here, 'node_modules/mermaid/dist');
  for (const part of ['mermaid.esm.min.mjs', 'chunks/mermaid.esm.min'])
    cpSync(join(built, part), join(pages, 'public/mermaid', part), {
      recursive: true,
      filter: (file) => !file.endsWith('.map'),
    });
}

/** A page for each entry of the package, from the docstrings that its types have. */
function writeReference() {
  const entries = join(site, 'entries');
  const { exports } = JSON.parse(read('package.json'));
  for (const [name, { types }] of Object.entries(exports)) {
    if (types === undefined) continue;
    const module = join('quaich', name);
    const from = join(root, types).replace(/\.d\.ts$/, '.js');
    write(
      join(entries, `${name === '.' ? 'quaich' : name}.ts`),
      `/**\n * @module ${module}\n */\nexport * from '${from}';\n`,
    );
  }
  const compilerOptions = {
    noEmit: true,
    rootDir: root,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  };
  write(
    join(site, 'tsconfig.json'),
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: ['entries'] }),
  );
  run('typedoc/bin/typedoc', '--options', join(here, 'typedoc.json'));
}

installPackages(new URL('./', import.meta.url), 'The site installs its generator, into scripts/site/node_modules ...');
rmSync(site, { recursive: true, force: true });
mkdirSync(site, { recursive: true });
// The pages become modules, which find the packages of the site here.
symlinkSync(join(here, 'node_modules'), join(site, 'node_modules'));
writePages();
writeMermaid();
writeReference();
run('vitepress/bin/vitepress.js', 'build', '.');
console.log('The site is in build/site/html; to look at it: node dist/src/cli/main.js scripts/site/application.mjs');
