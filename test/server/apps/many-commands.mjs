// Runs many commands one after the other in one process, since a process for each takes a second of its own.
// Reads [{ argv, directory, env }] from standard input, and writes [{ code, stdout, stderr }] to standard output.
import { EventEmitter } from 'node:events';
import { text } from 'node:stream/consumers';
import { run } from '../../../dist/src/cli/run.js';
import { serve } from '../../../dist/src/server/index.js';
import { makePlan } from '../../../dist/src/server/plan.js';

async function command({ argv, directory, env = {} }) {
  const output = { stdout: '', stderr: '' };
  const signals = new EventEmitter();
  const code = await run(argv, {
    env,
    directory,
    stdout: (text) => (output.stdout += text),
    stderr(text) {
      output.stderr += text;
      // One that serves, against all expectation, is stopped.
      if (text.startsWith('listening on ')) setImmediate(() => signals.emit('SIGTERM'));
    },
    serve,
    probe: async (options) => (await makePlan(options, 'check')).apps.map(({ known }) => known),
    signals,
    hungUp: () => false,
    kill() {},
  });
  return { code, ...output };
}

const outcomes = [];
for (const one of JSON.parse(await text(process.stdin))) outcomes.push(await command(one));
process.stdout.write(JSON.stringify(outcomes));
