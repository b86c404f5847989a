// A report as one page that needs nothing else: no script, no network.
import { readFileSync } from 'node:fs';
import { formatInterval, formatNumber, formatVerdict } from '../../dist/src/bench/format.js';
import { isOurs, summarize } from '../../dist/src/bench/summary.js';
import { drawLatency, drawRanges, lineOf } from './charts.mjs';
import { namesOf } from './markdown.mjs';
import { html, raw } from './markup.mjs';
import { aboutSuite, factsOf, LOAD_BOUND, READING, ratioText, shownMetrics, tooFew } from './words.mjs';

const STYLE = readFileSync(new URL('page.css', import.meta.url), 'utf8');

/** @returns {Promise<string>} */
export async function toHtml(report) {
  const suites = [];
  for (const suite of report.suites) suites.push(await suiteSection(suite));
  const few = tooFew(report);
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Quaich, compared</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<header>
<h1>Quaich, compared</h1>
<dl class="facts">${factsOf(report).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${few && html`<p class="warning">${few}</p>`}
<nav aria-label="Suites">${report.suites.map(({ suite, title }) => html`<a href="#${suite}">${title}</a>`)}</nav>
</header>
<main>
<section class="reading">
<h2>How to read it</h2>
<ul>${READING.map((sentence) => html`<li>${sentence}</li>`)}</ul>
<p class="key">
${['better', 'worse', 'no difference', 'base'].map((verdict) => html`<span class="${classOf(verdict)}">${verdict}</span>`)}
</p>
</section>
${suites}
</main>
<footer>
<h2>Who took part</h2>
<ul class="versions">${Object.entries(report.versions).map(([name, version]) => html`<li>${nameOf(name)} ${version}</li>`)}</ul>
${leftOut(report.leftOut)}
</footer>
</body>
</html>
`;
  return String(page);
}

const classOf = (verdict = 'none') => verdict.replaceAll(' ', '-');
const nameOf = (candidate) => (isOurs(candidate) ? html`<b>${candidate}</b>` : candidate);

function leftOut(reasons) {
  const entries = Object.entries(reasons);
  if (entries.length === 0) return undefined;
  return html`<h2>Left out</h2><ul>${entries.map(([name, why]) => html`<li>${name}: ${why}</li>`)}</ul>`;
}

async function suiteSection(suite) {
  const cases = summarize(suite);
  const names = namesOf(cases);
  const cards = [];
  for (const one of cases) cards.push(await caseCard(suite, one, names));
  const heading = `${suite.suite}-title`;
  return html`<section id="${suite.suite}" aria-labelledby="${heading}">
<h2 id="${heading}">${suite.title}</h2>
<p>${aboutSuite(suite)}</p>
${suite.notes.map((note) => html`<p class="note">${note}</p>`)}
${scrolling(`${suite.title}: ratios`, ratioTable(suite, cases, names))}
<div class="cards">${cards}</div>
<details>
<summary>All figures</summary>
${scrolling(`${suite.title}: all figures`, figureTable(suite, cases))}
</details>
</section>
`;
}

/** A table that is wider than the page is scrolled by itself, by keys as well. */
const scrolling = (label, table) =>
  html`<div class="scrolling" tabindex="0" role="region" aria-label="${label}">${table}</div>`;

function ratioTable({ metrics }, cases, names) {
  const cell = ({ candidates, cannot }, name) => {
    const found = candidates.find(({ candidate }) => candidate === name);
    const figure = found?.figures.get(metrics[0].key);
    if (figure === undefined) return html`<td class="none" title="${cannot[name]}">–</td>`;
    return html`<td class="${classOf(figure.verdict)}" title="${formatVerdict(figure)}">${ratioText(figure, found.loadBound)}</td>`;
  };
  return html`<table>
<thead><tr><th scope="col">case</th>${names.map((name) => html`<th scope="col">${nameOf(name)}</th>`)}</tr></thead>
<tbody>${cases.map((one) => html`<tr><th scope="row">${one.case}</th>${names.map((name) => cell(one, name))}</tr>`)}</tbody>
</table>`;
}

function figureTable(suite, cases) {
  const metrics = shownMetrics(suite);
  const cell = (figure) =>
    figure === undefined
      ? html`<td class="none">–</td>`
      : html`<td>${formatNumber(figure.value.median)} <small>${formatInterval(figure.value, formatNumber)}</small></td>`;
  const groups = cases.map(
    ({ case: name, candidates, cannot }) => html`<tbody>
<tr><th scope="rowgroup" colspan="${metrics.length + 1}">${name}</th></tr>
${candidates.map(
  ({ candidate, figures, loadBound }) =>
    html`<tr><th scope="row">${nameOf(candidate)}${loadBound ? ` ${LOAD_BOUND}` : ''}</th>${metrics.map(({ key }) => cell(figures.get(key)))}</tr>`,
)}
${Object.entries(cannot).map(
  ([candidate, why]) =>
    html`<tr><th scope="row">${nameOf(candidate)}</th><td class="none" colspan="${metrics.length}">${why}</td></tr>`,
)}
</tbody>`,
  );
  return html`<table>
<thead><tr><th scope="col">candidate</th>${metrics.map(({ title, unit }) => html`<th scope="col">${title} <small>${unit}</small></th>`)}</tr></thead>
${groups}
</table>`;
}

/** The charts of a case: the deciding metric, and where there are such, latency and memory. */
async function caseCard({ suite, metrics, base }, { case: name, candidates, cannot }, names) {
  const [first, ...others] = metrics;
  const figuresOf = ({ key }) =>
    candidates.flatMap(({ candidate, figures, loadBound }) =>
      figures.has(key) ? [{ name: candidate + (loadBound ? ` ${LOAD_BOUND}` : ''), ...figures.get(key) }] : [],
    );
  const charts = [];
  const deciding = figuresOf(first);
  const compared = deciding.filter(({ ratio }) => ratio !== undefined);
  if (compared.length > 0) {
    const rows = compared.map(({ name, ratio, verdict }) => ({ name, verdict, ...ratio }));
    charts.push(await drawRanges({ title: `${name}: ratios`, axis: `${first.title}, × ${base}`, rows, mark: 1 }));
  } else if (deciding.length > 0) {
    charts.push(await drawAbsolute(name, first, deciding));
  }
  const latencies = metrics.filter(isPercentile).toSorted((a, b) => percentileOf(a).localeCompare(percentileOf(b)));
  const points = latencies.flatMap((metric) =>
    candidates.flatMap(({ candidate, figures }) => {
      const value = figures.get(metric.key)?.value.median;
      return value === undefined ? [] : [{ place: names.indexOf(candidate), percentile: percentileOf(metric), value }];
    }),
  );
  if (points.length > 0) {
    const axis = `latency, ${latencies[0].unit}`;
    charts.push(await drawLatency({ title: `${name}: latency`, axis, points }));
    charts.push(legend(names, new Set(points.map(({ place }) => place))));
  }
  for (const metric of others.filter(isMemory)) {
    const rows = figuresOf(metric);
    if (rows.length > 0) charts.push(await drawAbsolute(name, metric, rows));
  }
  return html`<article class="card" id="${suite}-${slug(name)}">
<h3>${name}</h3>
${charts}
${Object.entries(cannot).map(([candidate, why]) => html`<p class="cannot">${nameOf(candidate)}: ${why}</p>`)}
</article>`;
}

const slug = (name) => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
const isPercentile = ({ key }) => /^p\d+$/.test(key);
const isMemory = ({ key, unit }) => key === 'memory' || /^(?:[kMG]i?)?B\b|^bytes/.test(unit);

/** Which line is whose. */
const legend = (names, places) =>
  html`<ul class="legend">${[...places]
    .sort((a, b) => a - b)
    .map((place) => {
      const { colour, dashed } = lineOf(place);
      return html`<li style="--line: var(--${colour})"${dashed ? html` class="dashed"` : undefined}>${nameOf(names[place])}</li>`;
    })}</ul>`;

const drawAbsolute = (name, { title, unit }, figures) =>
  drawRanges({
    title: `${name}: ${title}`,
    axis: `${title}, ${unit}`,
    rows: figures.map(({ name, value, verdict }) => ({ name, verdict, ...value })),
  });

/** `p99.9` for the key `p999`. */
const percentileOf = ({ key }) => key.replace(/^(p\d\d)(\d)/, '$1.$2');
