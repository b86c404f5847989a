/** Request bodies of sizes at the borders of the memory that carries them, however they are sent and read. */
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { type Server, serve } from 'quaich';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from './client.ts';

const module = fileURLToPath(new URL('./apps/upload-sizes.mjs', import.meta.url));
const MOUNTS = [
  { prefix: '/sync', module, export: 'syncApp' },
  { prefix: '/async', module, export: 'asyncApp' },
  { prefix: '/inline', module, export: 'asyncApp', inline: true },
];

let server: Server;
beforeAll(async () => {
  server = await serve({ apps: MOUNTS, bind: '127.0.0.1:0', syncWorkers: 2, asyncWorkers: 1, timeoutGraceful: 0 });
});
afterAll(() => server.close());

/** Bytes that show where they belong. */
function bytesOf(size: number, seed = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8) + seed) & 255));
}

const answerTo = (body: Uint8Array) => `${body.length} ${createHash('sha256').update(body).digest('hex')}`;

/** Uploads in one piece with its length, or chunked in `pieces`. */
function upload(path: string, body: Buffer, pieces = 1): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = pieces === 1 ? { 'content-length': body.length } : { 'transfer-encoding': 'chunked' };
    const sent = request(server.url + path, { method: 'POST', headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (part) => (text += part));
      response.on('end', () => resolve(text)).on('error', reject);
    });
    sent.on('error', reject);
    const size = Math.ceil(body.length / pieces);
    for (let at = 0; at < body.length; at += size) sent.write(body.subarray(at, at + size));
    sent.end();
  });
}

const KIB = 1024;
/** At and beside the ring of a request, the larger one, and a read of the socket. */
const SIZES = [16, 64, 512, 1024].flatMap((kib) => [kib * KIB - 1, kib * KIB, kib * KIB + 1]);

describe.each(['/sync', '/async', '/inline'])('uploads to %s', (prefix) => {
  it.each(SIZES)('of %i bytes arrive whole, with a length and in chunks', async (size) => {
    const body = bytesOf(size);
    for (const read of [1000, 65536, 2 ** 30]) {
      expect(await upload(`${prefix}?read=${read}`, body)).toBe(answerTo(body));
      expect(await upload(`${prefix}?read=${read}`, body, 7)).toBe(answerTo(body));
    }
  });

  it('of 5 MiB arrive whole at an application that reads late', async () => {
    const body = bytesOf(5 * 1024 * KIB);
    for (const pieces of [1, 50]) expect(await upload(`${prefix}?wait=50`, body, pieces)).toBe(answerTo(body));
  });

  it('of more requests at a time than there are larger rings do not mix', async () => {
    const bodies = Array.from({ length: 150 }, (_, i) => bytesOf(100 * KIB + i, i));
    const answers = await Promise.all(bodies.map((body, i) => upload(`${prefix}?wait=5`, body, 1 + (i % 2))));
    expect(answers).toEqual(bodies.map(answerTo));
  });

  it('that break off give back what they had', async () => {
    const body = bytesOf(600 * KIB);
    for (let round = 0; round < 3; round++) {
      const clients = Array.from({ length: 60 }, () => {
        const client = new Client(server.url);
        return client.send(
          `POST ${prefix}?read=1000 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(70_000)}`,
        );
      });
      await new Promise((resolve) => setTimeout(resolve, 20 * round));
      for (const client of clients) client.socket.destroy();
    }
    expect(await upload(prefix, body)).toBe(answerTo(body));
  });
});
