// One large transfer on one connection, up or down: what wrk and autocannon cannot do, who hold a whole body in memory.
// It reads or writes as fast as the server does the other, and compares each byte that it reads with the right one.
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { takeOrder } from '../../dist/src/bench/load-process.js';
import { WrongAnswer } from '../../dist/src/bench/load-request.js';
import { block, CHUNK, KIB, MIB, PERIOD } from '../apps/content.mjs';

/**
 * @typedef {object} TransferOrder
 * @property {number} port of the server, on the loopback address
 * @property {'up' | 'down'} direction
 * @property {number} pieces of 64 KiB
 */

/** Milliseconds in which nothing may move. */
const LIMIT = 30_000;
const host = '127.0.0.1';

takeOrder(async (/** @type {TransferOrder} */ { port, direction, pieces }) => {
  const before = process.cpuUsage();
  const began = performance.now();
  await { up, down }[direction](port, pieces);
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - began) / 1000, cpu: user + system };
});

function* repeat(pieces) {
  for (let i = 0; i < pieces; i++) yield CHUNK;
}

async function up(port, pieces) {
  const wanted = String(pieces * CHUNK.length);
  const headers = { 'content-length': wanted };
  const request = httpRequest({ host, port, path: '/length', method: 'POST', headers, timeout: LIMIT });
  request.on('timeout', () => request.destroy(new Error(`nothing was taken for ${LIMIT} ms`)));
  const [[response]] = await Promise.all([once(request, 'response'), pipeline(repeat(pieces), request)]);
  const answer = await text(response);
  if (response.statusCode !== 200 || answer !== wanted) {
    throw new WrongAnswer(`/length: ${response.statusCode} ${answer} in place of ${wanted}`);
  }
}

/** Reads into one buffer for all: Node's client would take a new one for each read, and cost more than most servers. */
async function down(port, pieces) {
  const path = `/chunks/${pieces}`;
  const reader = new ResponseReader();
  const buffer = Buffer.alloc(256 * KIB);
  const callback = (length) => {
    try {
      reader.take(buffer.subarray(0, length));
      if (reader.ended) socket.destroy();
    } catch (error) {
      socket.destroy(error);
    }
    return true;
  };
  const socket = connect({ host, port, onread: { buffer, callback } });
  socket.setTimeout(LIMIT, () => socket.destroy(new Error(`nothing came for ${LIMIT} ms`)));
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`);
  await once(socket, 'close');
  const wanted = pieces * CHUNK.length;
  if (!reader.ended || reader.length !== wanted) {
    throw new WrongAnswer(`${path}: ${reader.length} bytes in place of ${wanted}`);
  }
}

const CONTENT = block(MIB); // longer than what is read at once

/** Reads a response (RFC 9112, sections 4, 6 and 7.1), and compares its content. */
class ResponseReader {
  /** Bytes of content. */
  length = 0;
  ended = false;
  #line = '';
  #inHead = true;
  #chunked = false;
  /** Bytes of content, or of the chunk, that are still to come. */
  #left = 0;

  take(read) {
    for (let at = 0; at < read.length; )
      at = this.#inHead || this.#left === 0 ? this.#part(read, at) : this.#content(read, at);
  }

  #content(read, at) {
    const end = Math.min(at + this.#left, read.length);
    const start = this.length % PERIOD;
    if (CONTENT.compare(read, at, end, start, start + end - at) !== 0) {
      throw new WrongAnswer(`other bytes than expected after ${this.length}`);
    }
    this.length += end - at;
    this.#left -= end - at;
    this.ended = this.#left === 0 && !this.#chunked;
    return end;
  }

  #part(read, at) {
    const end = read.indexOf('\n', at) + 1 || read.length;
    this.#line += read.latin1Slice(at, end);
    if (!this.#line.endsWith('\n')) return end;
    const line = this.#line.trim().toLowerCase();
    this.#line = '';
    if (this.#inHead) this.#headLine(line);
    else if (line !== '') this.#chunkSize(Number.parseInt(line, 16));
    return end;
  }

  #headLine(line) {
    const [name, value] = line.split(': ');
    if (name.startsWith('http/') && !name.startsWith('http/1.1 200 ')) throw new WrongAnswer(line);
    if (name === 'transfer-encoding') this.#chunked = value === 'chunked';
    if (name === 'content-length') this.#left = Number(value);
    if (name === '') this.#inHead = false;
  }

  #chunkSize(size) {
    this.#left = size;
    this.ended = size === 0;
  }
}
