// Writes docs/connection-states.md and docs/worker-states.md from the tables of src/protocols/states.ts and
// src/pool/states.ts.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @typedef {import('../src/rules/state-machine.ts').Machine} Machine */

/** @param {Machine} machine */
function diagram({ states, events, initial, transitions }) {
  const lines = ['```mermaid', 'stateDiagram-v2'];
  states.forEach((name, index) => {
    lines.push(`  state "${name}" as s${index}`);
  });
  lines.push(`  [*] --> s${initial}`);
  for (const [from, event, to] of transitions) lines.push(`  s${from} --> s${to}: ${events[event]}`);
  return [...lines, '```'].join('\n');
}

/** @param {Machine} machine */
function grid({ states, events, transitions }) {
  const cell = (from, event) => {
    const found = transitions.find((row) => row[0] === from && row[1] === event);
    return found === undefined ? '' : states[found[2]];
  };
  return [
    `| state | ${events.join(' | ')} |`,
    `| --- | ${events.map(() => '---').join(' | ')} |`,
    ...states.map((name, from) => `| **${name}** | ${events.map((_, event) => cell(from, event)).join(' | ')} |`),
  ].join('\n');
}

const DEFECT = 'An event without a cell is a defect of the server and throws.';

/** @param {Machine[]} machines */
export function renderConnection(machines) {
  return render(
    '# The states of a connection',
    `Generated from \`src/protocols/states.ts\` by \`npm run docs\`. Three machines run side by side: what the next bytes from the client are and whether the socket is still ours (one each a connection), and how far a response has come (one an exchange). ${DEFECT}`,
    machines,
  );
}

/** @param {Machine} machine */
export function renderWorker(machine) {
  return render(
    '# The states of a worker thread',
    `Generated from \`src/pool/states.ts\` by \`npm run docs\`. [The architecture](architecture.md#supervision) says what the supervision of the threads does with them. ${DEFECT}`,
    [machine],
  );
}

function render(title, introduction, machines) {
  const parts = [
    title,
    introduction,
    ...machines.flatMap((machine) => [`## ${machine.title}`, diagram(machine), grid(machine)]),
  ];
  return `${parts.join('\n\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { READING, RESPONDING, SOCKET } = await import('../dist/src/protocols/states.js');
  const { SUPERVISION } = await import('../dist/src/pool/states.js');
  const write = (page, text) => writeFileSync(new URL(`../docs/${page}.md`, import.meta.url), text);
  write('connection-states', renderConnection([READING, RESPONDING, SOCKET]));
  write('worker-states', renderWorker(SUPERVISION));
}
