// The process in which a part is measured: starts one candidate, says so, and answers each order with a sample. It ends
// with its parent.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';

const [file, name, root] = process.argv.slice(2);
process.once('disconnect', () => process.exit());
process.once('uncaughtException', (error) => process.send({ failed: inspect(error) }, () => process.exit(1)));

async function answer(work) {
  try {
    process.send({ sample: await work() });
  } catch (error) {
    process.send({ failed: inspect(error) });
  }
}

let measure;
await answer(async () => {
  const { modules = [], start } = (await import(`./${file}`)).candidates[name];
  const loaded = await Promise.all(modules.map((path) => import(pathToFileURL(join(root, 'dist', path)).href)));
  measure = await start(Object.assign({}, ...loaded), root);
});
process.on('message', ({ one, seconds }) => answer(() => measure(one, seconds)));
