// Reads a body as the query says and answers with its size and SHA-256: `?read=N` bytes at a time, `&wait=MS` first.
import { createHash } from 'node:crypto';

function digest() {
  const hash = createHash('sha256');
  let size = 0;
  return {
    add(block) {
      size += block.length;
      hash.update(block);
    },
    text: () => Buffer.from(`${size} ${hash.digest('hex')}`),
  };
}

const settings = ({ QUERY_STRING }) => {
  const query = new URLSearchParams(QUERY_STRING);
  return { size: Number(query.get('read') ?? 65536), wait: Number(query.get('wait') ?? 0) };
};

export function syncApp(environ, startResponse) {
  const { size, wait } = settings(environ);
  const input = environ['wsgi.input'];
  const all = digest();
  if (wait > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, wait);
  for (let block = input.read(size); block.length > 0; block = input.read(size)) all.add(block);
  startResponse('200 OK', []);
  return [all.text()];
}

export async function asyncApp(environ, startResponse) {
  const { size, wait } = settings(environ);
  const input = environ['wsgi.input'];
  const all = digest();
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  if (size === 0) for await (const block of input.chunks()) all.add(block);
  else for (let block = await input.read(size); block.length > 0; block = await input.read(size)) all.add(block);
  startResponse('200 OK', []);
  return [all.text()];
}
