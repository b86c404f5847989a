// What may take its time, with the default settings: `node test/long/streams.mjs [MEBIBYTES] [MINUTES]`, after `npm run
// build`. A body of so many MiB comes at 1 MB a second, and Server-Sent Events go on for so many minutes.
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { applications, mebibytes, row, seconds, serve, watchMemory } from './running.mjs';

const size = Number(process.argv[2] ?? 1024) * 2 ** 20;
const minutes = Number(process.argv[3] ?? 60);
const BYTES_PER_MS = 1000;
const PIECE = Buffer.alloc(100_000);

/** Milliseconds between two events (test/server/apps/deadlines.mjs). */
const EVENT_EVERY = 50;

async function upload(url) {
  const begun = performance.now();
  const headers = { 'Content-Length': size };
  const request = http.request(`${url}/async/length`, { method: 'POST', agent: false, headers });
  const answered = new Promise((resolve) => {
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more) => {
        text += more;
      });
      response.on('end', () => resolve(`${response.statusCode}, ${text} bytes`));
    });
    request.on('error', (error) => resolve(error.message));
  });
  for (let sent = 0; sent < size && !request.destroyed; ) {
    const piece = PIECE.subarray(0, size - sent);
    request.write(piece);
    sent += piece.length;
    await sleep(Math.max(0, sent / BYTES_PER_MS - (performance.now() - begun)));
  }
  request.end();
  return { answer: await answered, time: seconds(begun) };
}

async function events(url) {
  const begun = performance.now();
  const count = Math.ceil((minutes * 60_000) / EVENT_EVERY);
  return new Promise((resolve) => {
    http
      .get(`${url}/async/events?${count}`, { agent: false }, (response) => {
        let received = 0;
        response.setEncoding('utf8').on('data', (text) => {
          received += text.split('\n\n').length - 1;
        });
        response.on('error', () => {});
        response.on('close', () => {
          const whole = response.complete ? 'whole' : 'broken off';
          resolve({ answer: `${response.statusCode}, ${whole}: ${received} of ${count} events`, time: seconds(begun) });
        });
      })
      .on('error', (error) => resolve({ answer: error.message, time: seconds(begun) }));
  });
}

const { url, child, stop } = await serve(...applications);
const memory = watchMemory(child.pid);
const [sent, heard] = await Promise.all([upload(url), events(url)]);
const { first, most } = memory();
const memoryText = `memory ${first} MiB, most ${most} MiB`;
row(`an upload of ${mebibytes(size)} MiB at 1 MB/s`, sent.answer, `${sent.time} s`, memoryText);
row(`Server-Sent Events for ${minutes} minutes`, heard.answer, `${heard.time} s`, 'beside the upload');
await stop();
