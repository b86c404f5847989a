// The content on uWebSockets.js, as its examples show it: corked answers, backpressure by `tryEnd` and `onWritable`.
import { createReadStream } from 'node:fs';
import uws from '@trufflesuite/uws-js-unofficial';
import { blockOf, CHUNK, chunksOf, contentFile, hello, json, MIB } from '../apps/content.mjs';

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
  .get('/file', async (response) => {
    let gone = false;
    response.onAborted(() => {
      gone = true;
    });
    for await (const piece of createReadStream(contentFile())) {
      if (gone) return;
      const start = response.getWriteOffset();
      const [taken] = response.tryEnd(piece, MIB);
      if (taken) continue;
      await new Promise((resolve) => {
        response.onWritable((offset) => {
          const [all] = response.tryEnd(piece.subarray(offset - start), MIB);
          if (all) resolve();
          return all;
        });
      });
    }
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
