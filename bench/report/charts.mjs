// The charts of a report, as SVG: drawn by Vega without a browser. Colours are properties of the page's style sheet, so
// that a chart is dark where the page is. Each is drawn for a phone; a wider page shows more of them in a row.
import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import { formatNumber } from '../../dist/src/bench/format.js';
import { html, raw } from './markup.mjs';

/**
 * Pixels: names to the left of a plot, the plot, and a row of it. They are fixed, so that charts stand in line below
 * each other; Vega cannot know how wide a text is without a browser.
 */
const NAMES = 158;
const PLOT = 144;
const ROW = 19;
/** Letters of a name that have room. */
const LETTERS = 23;

/** The colour of each verdict, the same for everybody. */
const COLOURS = {
  base: 'var(--ink)',
  better: 'var(--better)',
  worse: 'var(--worse)',
  'no difference': 'var(--quiet)',
  'too few rounds': 'var(--quiet)',
};
/** As many lines as can be told apart by their colour; those after them are dashed. */
const LINES = 8;
/** How the line of the candidate at this place looks: a class of the style sheet, and whether it is dashed. */
export const lineOf = (place) => ({ colour: `line-${(place % LINES) + 1}`, dashed: place >= LINES });

const CONFIG = {
  aria: false,
  background: 'transparent',
  autosize: 'none',
  font: 'inherit',
  view: { stroke: null },
  axis: {
    labelColor: 'var(--ink)',
    titleColor: 'var(--quiet)',
    titleFontWeight: 'normal',
    domainColor: 'var(--line)',
    tickColor: 'var(--line)',
    gridColor: 'var(--line)',
    labelFontSize: 11,
    titleFontSize: 11,
    grid: true,
    labelLimit: 0,
  },
};

/**
 * A figure of several candidates, each in its row: a dot for the median, a bar for its interval.
 *
 * @param {object} chart
 * @param {string} chart.title
 * @param {string} chart.axis what is shown, and in what unit
 * @param {{ name: string, low: number, median: number, high: number, verdict?: string }[]} chart.rows from the top
 * @param {number} [chart.mark] the value of a line across all rows
 */
export function drawRanges({ title, axis, rows, mark }) {
  const shown = rows.flatMap(({ low, high }) => [low, high]).concat(mark ?? []);
  const x = { type: 'quantitative', scale: scaleOf(shown), axis: { title: axis, ...ticksOf(shown) } };
  const colour = { field: 'colour', type: 'nominal', scale: null };
  const line = {
    data: { values: [{}] },
    mark: { type: 'rule', color: 'var(--ink)', strokeDash: [3, 3] },
    encoding: { x: { datum: mark, ...x }, y: null },
  };
  return draw(title, describeRows(axis, rows), {
    width: PLOT,
    height: ROW * rows.length,
    padding: { left: NAMES, right: 8, top: 4, bottom: 36 },
    data: {
      values: rows.map(({ verdict = 'base', ...row }) => ({ ...row, colour: COLOURS[verdict] })),
    },
    encoding: { y: { field: 'name', type: 'nominal', sort: null, axis: NAMES_AXIS } },
    layer: [
      ...(mark === undefined ? [] : [line]),
      {
        mark: { type: 'rule', strokeWidth: 5, strokeCap: 'round', opacity: 0.4 },
        encoding: { x: { field: 'low', ...x }, x2: { field: 'high' }, color: colour },
      },
      {
        mark: { type: 'point', filled: true, size: 45, opacity: 1 },
        encoding: { x: { field: 'median', ...x }, color: colour },
      },
    ],
  });
}

/** Quaich stands out by its name alone. */
const NAMES_AXIS = {
  title: null,
  ticks: false,
  domain: false,
  grid: false,
  labelExpr: `length(datum.label) > ${LETTERS} ? slice(datum.label, 0, ${LETTERS - 1}) + '…' : datum.label`,
  labelFontWeight: { condition: { test: 'test(/quaich/i, datum.label)', value: 'bold' }, value: 'normal' },
};

/**
 * Figures of several candidates along percentiles, a line for each candidate.
 *
 * @param {object} chart
 * @param {string} chart.title
 * @param {string} chart.axis what is shown, and in what unit
 * @param {{ place: number, percentile: string, value: number }[]} chart.points of candidates by their place in the
 *   suite
 */
export function drawLatency({ title, axis, points }) {
  const shown = points.map(({ value }) => value);
  const percentiles = [...new Set(points.map(({ percentile }) => percentile))];
  return draw(title, `${axis} at the percentiles ${percentiles.join(', ')}; the table of all figures has the values`, {
    width: 245,
    height: 160,
    padding: { left: 57, right: 8, top: 8, bottom: 22 },
    data: {
      values: points.map(({ place, ...point }) => ({
        ...point,
        place,
        colour: `var(--${lineOf(place).colour})`,
        dash: lineOf(place).dashed ? [4, 3] : [],
      })),
    },
    mark: { type: 'line', point: { filled: true, size: 22 }, strokeWidth: 1.5 },
    encoding: {
      x: { field: 'percentile', type: 'ordinal', sort: null, axis: { title: null, labelAngle: 0, grid: false } },
      y: { field: 'value', type: 'quantitative', scale: scaleOf(shown), axis: { title: axis, ...ticksOf(shown) } },
      color: { field: 'colour', type: 'nominal', scale: null },
      strokeDash: { field: 'dash', type: 'nominal', scale: null },
      detail: { field: 'place' },
    },
  });
}

/** Twice as much is as far from once as half is; figures of 0 have no place on such a scale. */
function scaleOf(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (least <= 0) return { zero: true };
  return { type: 'log', domain: [least / 1.15, most * 1.15], nice: false };
}

/** Factors of powers of ten at which there may be ticks, the closest first. */
const STEPS = [
  [1, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2, 2.3, 2.6, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 8, 9],
  [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 8],
  [1, 1.5, 2, 3, 5, 7],
  [1, 2, 5],
  [1, 3],
];

/** As many ticks as have room. */
function ticksOf(values) {
  const [least, most] = [Math.min(...values) / 1.15, Math.max(...values) * 1.15];
  if (least <= 0) return { tickCount: 4 };
  const steps = STEPS.find((factors) => ticksBetween(least, most, factors).length <= 5) ?? [1];
  return { values: ticksBetween(least, most, steps), format: '~g' };
}

function ticksBetween(least, most, factors) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most); power++) {
    for (const factor of factors) ticks.push(Number((factor * 10 ** power).toPrecision(3)));
  }
  return ticks.filter((tick) => tick >= least && tick <= most);
}

function describeRows(axis, rows) {
  const texts = rows.map(
    ({ name, low, median, high }) => `${name} ${formatNumber(median)}, ${formatNumber(low)} to ${formatNumber(high)}`,
  );
  return `${axis}: ${texts.join('; ')}`;
}

let drawn = 0;

async function draw(title, description, specification) {
  const view = new View(parse(compile({ ...specification, config: CONFIG }).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  const id = `chart-${++drawn}`;
  const texts = html`<title id="${id}">${title}</title><desc id="${id}-text">${description}</desc>`;
  return raw(
    shortened(svg).replace(
      /^<svg[^>]*?( width=.*?)>/,
      `<svg$1 role="img" aria-labelledby="${id}" aria-describedby="${id}-text">${texts}`,
    ),
  );
}

/** Without what has no effect: names of groups, empty paths, places of a thousandth of a pixel. */
const shortened = (svg) =>
  svg
    .replaceAll(/ (?:class|role|aria-[a-z]+|pointer-events|font-family)="[^"]*"/g, '')
    .replaceAll(/<path(?: d="[^"]*")?(?: display="none"| d="")+\/>|<path d="M0,0h0v0h0Z"\/>/g, '')
    .replaceAll(/(\d+\.\d{2})\d+/g, '$1');
