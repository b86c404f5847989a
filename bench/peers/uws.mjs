// The content on uWebSockets.js, as its examples show it: corked answers, backpressure by `tryEnd` and `onWritable`.
import { createReadStream, statSync } from 'node:fs';
import uws from '@trufflesuite/uws-js-unofficial';
import { blockOf, CHUNK, chunksOf, contentFile, hello, json } from '../apps/content.mjs';

const file = contentFile();

const send = (response, type, body) => response.cork(() => response.writeHeader('content-type', type).end(body));

/** Sends pieces of a body of a known length, as fast as the client takes them. */
function stream(response, length, next) {
  let gone = false;
  response.onAborted(() => {
    gone = true;
  });
  let piece = next();
  let start = 0;
  const more = () => {
    while (piece !== null && !gone) {
      const [taken, done] = response.tryEnd(piece.subarray(response.getWriteOffset() - start), length);
      if (done) return true;
      if (!taken) return false;
      start += piece.length;
      piece = next();
    }
    return true;
  };
  response.onWritable(more);
  response.cork(() => {
    response.writeHeader('content-type', 'text/plain');
    more();
  });
}

/** Sends a readable stream of a known length, as the example VideoStreamer does: it pauses while the client is slow. */
function streamFile(response, source, length) {
  let piece;
  let start;
  const send = (bytes) => {
    const [taken, done] = response.tryEnd(bytes, length);
    if (done) source.destroy();
    return taken;
  };
  source.on('data', (read) => {
    piece = read;
    start = response.getWriteOffset();
    response.cork(() => {
      if (!send(piece)) source.pause();
    });
  });
  response.onWritable((offset) => {
    const taken = send(piece.subarray(offset - start));
    if (taken) source.resume();
    return taken;
  });
  response.onAborted(() => source.destroy());
}

uws
  .App()
  .get('/', (response) => send(response, 'text/plain', hello))
  .get('/json', (response) => send(response, 'application/json', json()))
  .get('/bytes/:size', (response, request) => {
    let piece = blockOf(request.getUrl());
    stream(response, piece.length, () => {
      const whole = piece;
      piece = null;
      return whole;
    });
  })
  .get('/chunks/:count', (response, request) => {
    let left = chunksOf(request.getUrl());
    stream(response, left * CHUNK.length, () => (left-- > 0 ? CHUNK : null));
  })
  .get('/file', (response) => {
    response.writeHeader('content-type', 'text/plain');
    streamFile(response, createReadStream(file), statSync(file).size);
  })
  .post('/length', (response) => {
    let length = 0;
    response.onAborted(() => {});
    response.onData((chunk, last) => {
      length += chunk.byteLength;
      if (last) send(response, 'text/plain', String(length));
    });
  })
  .listen('127.0.0.1', Number(process.env.PORT), (listening) => {
    if (!listening) throw new Error(`port ${process.env.PORT} is taken`);
  });
