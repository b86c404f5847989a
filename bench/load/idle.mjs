// Connections that have had one answer each, and then stay open until the process is ended. Where the server closes
// one, the process fails.
import { connect } from 'node:net';
import { takeOrder } from '../../dist/src/bench/load-process.js';
import { WrongAnswer } from '../../dist/src/bench/load-request.js';
import { hello } from '../apps/content.mjs';

/**
 * @typedef {object} IdleOrder
 * @property {number} port of the server, on the loopback address
 * @property {number} connections
 */

/** Connections that are opened at a time: fewer than any server lets wait. */
const AT_A_TIME = 100;
const host = '127.0.0.1';

takeOrder(async (/** @type {IdleOrder} */ { port, connections }) => {
  let opened = 0;
  const openSome = async () => {
    while (opened++ < connections) await open(port);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, openSome));
});

/** Resolves with the answer. */
function open(port) {
  const socket = connect(port, host);
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`);
  let answer = '';
  let answered = false;
  return new Promise((resolve, reject) => {
    socket.on('data', (read) => {
      answer += read.toString('latin1');
      const head = answer.indexOf('\r\n\r\n') + 4;
      if (head < 4 || answer.length < head + hello.length) return;
      answered = answer.startsWith('HTTP/1.1 200 ') && answer.slice(head) === hello.toString();
      if (answered) resolve();
      else reject(new WrongAnswer(answer));
    });
    socket.on('error', reject);
    socket.on('close', () => {
      reject(new Error('the server has closed a connection'));
      if (answered) throw new Error('the server has closed an idle connection');
    });
  });
}
