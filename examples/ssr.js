// @ts-check
/**
 * Server-side rendering: sync, CPU-bound. A price list with `rows` lines is computed, sorted and rendered with Preact
 * on every request; nothing is cached. While it renders, its thread can do nothing else, and no other thread minds.
 *
 *     curl http://127.0.0.1:8000/ssr/
 *     curl -i 'http://127.0.0.1:8000/ssr/?rows=2000&sort=price'
 */
import { threadId } from 'node:worker_threads';
import { h } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { html, sendPage, trusted } from './lib/page.js';
import { BadRequest, query, queryInteger } from './lib/request.js';
import { checkMethod, sendText } from './lib/respond.js';

/** @import { Environ, StartResponse } from 'quaich' */

const MAX_ROWS = 5000;
const SORTS = ['number', 'name', 'price', 'stock'];
const WORDS = ['Oak', 'Birch', 'Amber', 'Heather', 'Peat', 'Barley', 'Silver', 'Thistle', 'Salt & Sea', '"Old" Cask'];
const THINGS = ['cup', 'bowl', 'stand', 'box', 'tray', 'label <small>'];
const money = new Intl.NumberFormat('en-GB', { style: 'currency', currency: 'GBP' });

/** @typedef {{ number: number, name: string, price: number, stock: number }} Item */

/**
 * An invented stock list, the same on every call.
 *
 * @param {number} rows
 * @returns {Item[]}
 */
function stockList(rows) {
  let seed = 7;
  const next = () => {
    // The generator of Park and Miller: 48271 times the last one, modulo 2^31 - 1.
    seed = (seed * 48271) % 2147483647;
    return seed;
  };
  return Array.from({ length: rows }, (_, index) => ({
    number: index + 1,
    name: `${WORDS[next() % WORDS.length]} ${THINGS[next() % THINGS.length]}`,
    price: (next() % 20000) / 100,
    stock: next() % 500,
  }));
}

/** @param {{ item: Item }} properties */
function Row({ item }) {
  return h(
    'tr',
    null,
    h('td', { class: 'number' }, item.number),
    h('td', null, item.name),
    h('td', { class: 'number' }, money.format(item.price)),
    h('td', { class: 'number' }, item.stock),
    h('td', { class: 'number' }, money.format(item.price * item.stock)),
  );
}

/** @param {{ items: Item[], sort: string, rows: number }} properties */
function StockTable({ items, sort, rows }) {
  const columns = [...SORTS, 'value'].map((name) =>
    h(
      'th',
      { class: name === 'name' ? undefined : 'number', 'aria-sort': name === sort ? 'ascending' : undefined },
      SORTS.includes(name) ? h('a', { href: `?rows=${rows}&sort=${name}` }, name) : name,
    ),
  );
  const total = items.reduce((sum, item) => sum + item.price * item.stock, 0);
  return h(
    'table',
    null,
    h('caption', null, `${items.length} articles worth ${money.format(total)}`),
    h('thead', null, h('tr', null, columns)),
    h(
      'tbody',
      null,
      items.map((item) => h(Row, { key: item.number, item })),
    ),
  );
}

/**
 * @param {Environ} environ
 * @param {StartResponse} startResponse
 */
export function app(environ, startResponse) {
  const refused = checkMethod(environ, startResponse, 'GET');
  if (refused) return refused;
  try {
    const rows = queryInteger(environ, 'rows', { min: 1, max: MAX_ROWS, fallback: 500 });
    const sort = query(environ).get('sort') ?? 'number';
    if (!SORTS.includes(sort)) throw new BadRequest(`sort must be one of ${SORTS.join(', ')}.`);
    const key = /** @type {keyof Item} */ (sort);
    const started = performance.now();
    const items = stockList(rows).sort((a, b) => (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : a.number - b.number));
    const table = renderToString(h(StockTable, { items, sort, rows }));
    const took = (performance.now() - started).toFixed(1);
    return sendPage(startResponse, {
      title: 'Server-side rendering',
      headers: [['Server-Timing', `render;dur=${took}`]],
      body: html`
<p><a href="../">All examples</a></p>
<h1>Server-side rendering</h1>
<form><p><label>Rows <input type="number" name="rows" min="1" max="${MAX_ROWS}" value="${rows}"></label> <button>Render</button></p></form>
<p>Rendered in ${took} ms on thread ${threadId} of process ${process.pid}.</p>
${trusted(table)}`,
    });
  } catch (error) {
    if (error instanceof BadRequest) return sendText(startResponse, error.status, `${error.message}\n`);
    throw error;
  }
}
