/** The page that shows people how a server fares: one document that needs nothing else, and keeps itself fresh. */
import { escapeHtml } from '../../rules/html.ts';
import type { Histogram } from './histogram.ts';
import { SAMPLE_EVERY } from './recent.ts';
import type { Snapshot } from './snapshot.ts';
import { workerName } from './workers.ts';

const STYLE = `
:root { color-scheme: light dark; --paper: light-dark(#fff, #14171a); --card: light-dark(#f3f5f7, #1d2125);
  --ink: light-dark(#1b1f23, #e6e8ea); --quiet: light-dark(#5c6670, #9aa3ac); --line: light-dark(#d4d9de, #3a4148);
  --good: light-dark(#0b66c3, #5aaeff); --bad: light-dark(#b84600, #ff9a4d); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0.5rem 0; }
h2 { font-size: 1.1rem; margin: 2rem 0 0.5rem; }
.stage { border: 1px solid; border-radius: 1rem; color: var(--bad); font-size: 1rem; padding: 0.1rem 0.7rem;
  vertical-align: middle; }
.stage.good { color: var(--good); }
.facts, .none, .unit { color: var(--quiet); }
.lost-note { background: var(--bad); color: var(--paper); display: none; padding: 0.3rem 0.7rem; }
.lost .lost-note { display: block; }
.lost main { opacity: 0.5; }
.tiles { display: grid; gap: 0.7rem; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); margin: 0; }
.tiles div { background: var(--card); border-radius: 0.4rem; padding: 0.6rem 0.8rem; }
.tiles dt { color: var(--quiet); font-size: 0.85rem; }
.tiles dd { font-size: 1.4rem; font-variant-numeric: tabular-nums; margin: 0; }
svg { background: var(--card); border-radius: 0.4rem; display: block; height: 5rem; width: 100%; }
polyline { fill: none; stroke: var(--good); stroke-width: 2; vector-effect: non-scaling-stroke; }
.scrolling { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: 0.25rem 0.7rem; text-align: right; white-space: nowrap; }
th { color: var(--quiet); font-weight: normal; }
th:first-child, td:first-child { text-align: left; }
`;

/** Takes a new page from the server, and says so where none comes. */
const SCRIPT = `
setInterval(async () => {
  try {
    const response = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(${2 * SAMPLE_EVERY}) });
    const { body } = new DOMParser().parseFromString(await response.text(), 'text/html');
    document.body.replaceWith(body);
  } catch {
    document.body.className = 'lost';
  }
}, ${SAMPLE_EVERY});
`;

export function statusPage(snapshot: Snapshot): string {
  const { version, node, pid, uptime, stage, ready, processes } = snapshot;
  const several = processes.serving > 1 ? ` with ${processes.serving} others that serve` : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Quaich: ${stage}</title>
<style>${STYLE}</style>
<script>${SCRIPT}</script>
</head>
<body>
<header>
<h1>Quaich <span class="stage${ready ? ' good' : ''}">${stage === 'ready' && !ready ? 'no worker is ready' : stage}</span></h1>
<p class="facts">Version ${version}, Node.js ${node}, process ${pid}${several}, up for ${duration(uptime)}</p>
<p class="lost-note" role="status">The server does not answer: these are its last figures.</p>
</header>
<main>
${tiles(snapshot)}
${rateChart(snapshot)}
${latencies(snapshot)}
${mounts(snapshot)}
${workers(snapshot)}
${connections(snapshot)}
</main>
</body>
</html>
`;
}

function tiles({ requests, recent, connections, process }: Snapshot): string {
  const { seconds, total } = recent;
  const facts: [name: string, value: string][] = [
    ['Requests a second', rate(seconds === 0 ? 0 : total.count / seconds)],
    ['Median time', milliseconds(total.quantile(0.5))],
    ['In progress', number(requests.inProgress)],
    ['Waiting', number(requests.queued)],
    ['Connections', number(Object.values(connections.open).reduce((sum, count) => sum + count, 0))],
    ['Memory', bytes(process.memory)],
  ];
  const shown = facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`);
  return `<section aria-label="Last minute"><dl class="tiles">${shown.join('')}</dl></section>`;
}

const CHART = { width: 600, height: 80, margin: 4 };

function rateChart({ recent: { rates } }: Snapshot): string {
  const most = Math.max(1, ...rates);
  const { width, height, margin } = CHART;
  const points = rates.map((value, index) => {
    const x = rates.length === 1 ? 0 : (index / (rates.length - 1)) * width;
    return `${x.toFixed(1)},${(height - margin - (value / most) * (height - 2 * margin)).toFixed(1)}`;
  });
  return `<section>
<h2 id="rates">Requests a second, in the last minute <span class="unit">(highest: ${rate(most)})</span></h2>
<svg role="img" aria-labelledby="rates" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none">
<polyline points="${points.join(' ')}"/></svg>
</section>`;
}

function latencies({ recent: { total, queue, application } }: Snapshot): string {
  const row = (name: string, histogram: Histogram) => {
    const { count, mean, p50, p90, p99 } = histogram.toJSON();
    return [name, number(count), ...[mean, p50, p90, p99].map(milliseconds)];
  };
  return table(
    'Times, in the last minute',
    ['', 'Requests', 'Mean', 'Median', '90 %', '99 %'],
    [row('Waiting for an application', queue), row('Application, to its head', application), row('All', total)],
  );
}

function mounts(snapshot: Snapshot): string {
  const rows = snapshot.mounts.map(({ mount, kind, statuses, disconnects, total }) => [
    mount === '' ? 'no application' : `${mount} (${kind})`,
    ...Object.values(statuses).map(number),
    number(disconnects),
    milliseconds(total.quantile(0.5)),
    milliseconds(total.quantile(0.99)),
  ]);
  const classes = Object.keys(snapshot.mounts[0].statuses);
  return table('Requests, since the start', ['Mount', ...classes, 'Client left', 'Median', '99 %'], rows);
}

function workers({ workers, recent: { loops } }: Snapshot): string {
  const gateways = Object.entries(loops)
    .filter(([name]) => name.startsWith('gateway'))
    .map(([name, use]) => [name, 'serving', '', '', share(use), '']);
  const rows = workers.map((worker) => [
    workerName(worker),
    worker.state,
    number(worker.requests),
    number(worker.served),
    share(loops[workerName(worker)]),
    worker.heap === null ? '–' : bytes(worker.heap.used),
  ]);
  return table('Threads', ['Thread', 'State', 'Has', 'Has served', 'Event loop', 'Heap'], [...gateways, ...rows]);
}

function connections({ connections }: Snapshot): string {
  const { open, accepted, refused, dropped, received, sent } = connections;
  const now = Object.entries(open).map(([state, count]): [string, string] => [state, number(count)]);
  const all: [string, string][] = [
    ['accepted', number(accepted)],
    ['refused', number(refused)],
    ['dropped', number(dropped)],
    ['received', bytes(received)],
    ['sent', bytes(sent)],
  ];
  return `${table(
    'Connections, now',
    now.map(([state]) => state),
    [now.map(([, count]) => count)],
  )}
${table(
  'Connections, since the start',
  all.map(([name]) => name),
  [all.map(([, value]) => value)],
)}`;
}

/** All cells are text. */
function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, texts: readonly string[]) =>
    `<tr>${texts.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join('')}</tr>`;
  return `<section>
<h2>${title}</h2>
<div class="scrolling"><table><thead>${cells('th', head)}</thead><tbody>
${rows.map((row) => cells('td', row)).join('\n')}
</tbody></table></div>
</section>`;
}

function number(value: number): string {
  return value.toLocaleString('en');
}

function rate(value: number): string {
  return value < 10 ? value.toFixed(1) : number(Math.round(value));
}

function share(value: number | undefined): string {
  return value === undefined ? '–' : `${Math.round(value * 100)} %`;
}

function milliseconds(value: number | null): string {
  if (value === null) return '–';
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;
}

function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  let size = value;
  let unit = '';
  for (unit of ['KiB', 'MiB', 'GiB', 'TiB']) {
    size /= 1024;
    if (size < 1024) break;
  }
  return `${size.toFixed(1)} ${unit}`;
}

function duration(seconds: number): string {
  const [days, hours, minutes] = [86_400, 3600, 60].map((unit) => Math.floor(seconds / unit));
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
}
