// The content on Bun's own server.
import { blockOf, CHUNK, chunksOf, contentFile, hello, json, MIB } from '../apps/content.mjs';

const text = { 'content-type': 'text/plain' };
const file = contentFile();

function chunks(count) {
  let left = count;
  return new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(CHUNK);
      else controller.close();
    },
  });
}

async function length(request) {
  let length = 0;
  for await (const chunk of request.body) length += chunk.byteLength;
  return new Response(String(length), { headers: text });
}

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.env.PORT),
  idleTimeout: Number(process.env.KEEP_ALIVE ?? 10), // seconds; 10 by default
  maxRequestBodySize: 1024 * MIB, // 128 MiB by default
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/') return new Response(hello, { headers: text });
    if (pathname === '/json') return new Response(json(), { headers: { 'content-type': 'application/json' } });
    if (pathname === '/length') return length(request);
    if (pathname.startsWith('/bytes/')) return new Response(blockOf(pathname), { headers: text });
    if (pathname.startsWith('/chunks/')) {
      const count = chunksOf(pathname);
      return new Response(chunks(count), { headers: { ...text, 'content-length': String(count * CHUNK.length) } });
    }
    if (pathname === '/file') return new Response(Bun.file(file), { headers: text });
    return new Response(null, { status: 404 });
  },
});
