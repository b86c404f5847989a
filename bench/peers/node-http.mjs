// The content on Node's own server, written as one would who wants it fast.
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { blockOf, CHUNK, chunksOf, contentFile, hello, json, work } from '../apps/content.mjs';

const file = contentFile();

function send(response, type, body) {
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length });
  response.end(body);
}

function* repeat(count) {
  for (let i = 0; i < count; i++) yield CHUNK;
}

function stream(response, length, source) {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': length });
  pipeline(source, response, () => {});
}

/** How long an idle connection stays open: as Node chooses, unless the suite wants more. */
export const options = process.env.KEEP_ALIVE ? { keepAliveTimeout: Number(process.env.KEEP_ALIVE) * 1000 } : {};

export function listener(request, response) {
  const path = request.url;
  if (path === '/json') send(response, 'application/json', Buffer.from(json()));
  else if (path === '/length') {
    let length = 0;
    request.on('data', (chunk) => {
      length += chunk.length;
    });
    request.on('end', () => send(response, 'text/plain', Buffer.from(String(length))));
  } else if (path.startsWith('/bytes/')) send(response, 'text/plain', blockOf(path));
  else if (path.startsWith('/work/')) send(response, 'text/plain', work(path));
  else if (path.startsWith('/chunks/')) {
    const count = chunksOf(path);
    stream(response, count * CHUNK.length, Readable.from(repeat(count), { objectMode: true, highWaterMark: 1 }));
  } else if (path === '/file') {
    stream(response, statSync(file).size, createReadStream(file));
  } else if (path === '/' || path.startsWith('/?')) send(response, 'text/plain', hello);
  else response.writeHead(404).end();
}

if (process.argv[2] === 'serve') createServer(options, listener).listen(Number(process.env.PORT), '127.0.0.1');
