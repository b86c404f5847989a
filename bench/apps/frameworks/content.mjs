// What each framework serves, each in its own way, and the answers that are right:
//
//   GET  /hello/NAME   a line of text with a parameter of the route
//   GET  /json         an object, serialized for each request
//   POST /orders       an order of 1 KiB of JSON, parsed by the framework; answers how many items it has
//   GET  /page         64 KiB of text
import { block, json, KIB } from '../content.mjs';

export const greeting = (name) => `Hello ${name}!\n`;
export const receipt = (order) => ({ items: order.items.length });
export const page = block(64 * KIB).toString('latin1');

const item = { article: 'LAMP-0042', count: 3, price: 1299 };
const order = { customer: 'Ada', items: Array(20).fill(item), note: '' };
order.note = 'x'.repeat(KIB - JSON.stringify(order).length);

const expected = (body) => ({ status: 200, body: Buffer.from(body) });

export const requests = {
  'small GET': { path: '/hello/world', expect: expected(greeting('world')) },
  JSON: { path: '/json', expect: expected(json()) },
  'POST of 1 KiB of JSON': {
    path: '/orders',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(order)),
    expect: expected(JSON.stringify(receipt(order))),
  },
  'response of 64 KiB': { path: '/page', expect: expected(page) },
};
