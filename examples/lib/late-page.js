// @ts-check
/**
 * The page that draws how late clocks are. Each server has a figure: the browser listens to the clock of the server,
 * and looks ten times a second how long its next tick is overdue.
 */
import { html } from './page.js';

/** Milliseconds between two ticks, and between two looks. */
export const EVERY = 100;
/** Looks that a chart shows. */
const KEPT = 150;

/**
 * @typedef {object} MeasuredServer
 * @property {string} name
 * @property {string} clock the address of its clock
 * @property {string} sleep the address of its query
 */

const SCRIPT = `
const servers = [...document.querySelectorAll('figure')].map((figure) => {
  const server = { figure, tick: performance.now(), late: [], worst: 0 };
  new EventSource(figure.dataset.clock).addEventListener('tick', () => { server.tick = performance.now(); });
  return server;
});
const show = (figure, name, value) => { figure.querySelector(name).textContent = Math.round(value); };
setInterval(() => {
  const now = performance.now();
  for (const server of servers) {
    const late = Math.max(0, now - server.tick - ${EVERY});
    server.late = [...server.late, late].slice(-${KEPT});
    server.worst = Math.max(server.worst, late);
  }
  const top = Math.max(500, ...servers.flatMap(({ late }) => late));
  for (const { figure, late, worst } of servers) {
    const points = late.map((value, index) => index + ',' + (100 - (100 * value) / top).toFixed(1));
    figure.querySelector('polyline').setAttribute('points', points.join(' '));
    show(figure, '.now', late.at(-1));
    show(figure, '.worst', worst);
    show(figure, '.top', top);
  }
}, ${EVERY});
const buttons = [...document.querySelectorAll('button')], slept = document.querySelector('#slept');
const enable = (on) => { for (const button of buttons) button.disabled = !on; };
async function sleep({ figure }, seconds) {
  const response = await fetch(figure.dataset.sleep + '?seconds=' + seconds, { cache: 'no-store' });
  const answer = await response.json();
  return figure.dataset.name + ': ' + answer.what + ' slept ' + answer.seconds.toFixed(1) + ' s';
}
for (const button of buttons) button.addEventListener('click', async () => {
  enable(false);
  slept.textContent = 'asleep';
  const answers = await Promise.allSettled(servers.map((server) => sleep(server, button.dataset.seconds)));
  slept.textContent = answers.map(({ value, reason }) => value ?? String(reason)).join('; ');
  enable(true);
});
`;

/** @param {MeasuredServer} server */
const figure = ({ name, clock, sleep }) => html`
<figure data-name="${name}" data-clock="${clock}" data-sleep="${sleep}">
<figcaption><b>${name}</b>: <output class="now">0</output> ms late, at most <output class="worst">0</output> ms so
far</figcaption>
<svg viewBox="0 0 ${KEPT - 1} 100" preserveAspectRatio="none" role="img"
aria-label="How late the clock of ${name} was in the last ${(KEPT * EVERY) / 1000} seconds"><polyline/></svg>
<span class="dim">${(KEPT * EVERY) / 1000} s across, <output class="top">500</output> ms high</span>
</figure>`;

/**
 * @param {MeasuredServer[]} servers
 * @param {string} [home] where the other examples are
 */
export function latePage(servers, home) {
  return {
    title: 'How late is the clock?',
    script: SCRIPT,
    body: html`
${home !== undefined && html`<p><a href="${home}">All examples</a></p>`}
<h1>How late is the clock while SQLite sleeps?</h1>
<p>A clock ticks every ${EVERY} ms, and a query sleeps inside SQLite, in the same process. The line shows how long the
next tick is overdue.</p>
<p>${[1, 3, 5].map((seconds) => html`<button data-seconds="${seconds}">Sleep ${seconds} s</button> `)}
<output id="slept"></output></p>
${servers.map(figure)}
<p class="dim">Quaich runs the query on a worker thread, and the clock on an event loop beside it. A server of node:http
has one event loop for both.</p>`,
  };
}
