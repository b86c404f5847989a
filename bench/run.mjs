// node bench/run.mjs [suite ...]: runs the suites one after the other; nothing else heavy should run meanwhile.
const SUITES = {
  parser: () => import('./parser.mjs'),
  dispatch: () => import('./dispatch.mjs'),
  http: () => import('./http.mjs'),
  shim: () => import('./shim.mjs'),
};

const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : Object.keys(SUITES)) {
  const suite = SUITES[name];
  if (suite === undefined) {
    console.error(`no suite ${name}; there are ${Object.keys(SUITES).join(', ')}`);
    process.exit(2);
  }
  const { title, run } = await suite();
  console.log(`\n## ${title}\n`);
  console.log(await run());
}
