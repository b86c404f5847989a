// The content in both conventions of Quaich.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { blockOf, CHUNK, chunksOf, contentFile, hello, json, work } from './content.mjs';

const file = contentFile();

const field = (type, length) => [
  ['Content-Type', type],
  ['Content-Length', String(length)],
];
const TEXT = field('text/plain', hello.length);
const NOT_FOUND = [['Content-Length', '0']];

/** The answer to all but uploads: status, fields and body. */
function answer(path, wrapper) {
  if (path === '/') return ['200 OK', TEXT, [hello]];
  if (path === '/json') {
    const body = Buffer.from(json());
    return ['200 OK', field('application/json', body.length), [body]];
  }
  if (path.startsWith('/bytes/')) {
    const body = blockOf(path);
    return ['200 OK', field('text/plain', body.length), [body]];
  }
  if (path.startsWith('/work/')) {
    const body = work(path);
    return ['200 OK', field('text/plain', body.length), [body]];
  }
  if (path.startsWith('/chunks/')) {
    const count = chunksOf(path);
    return ['200 OK', field('text/plain', count * CHUNK.length), chunks(count)];
  }
  if (path === '/file') {
    const fd = openSync(file);
    return ['200 OK', field('text/plain', fstatSync(fd).size), wrapper(fileOf(fd))];
  }
  return ['404 Not Found', NOT_FOUND, []];
}

/** What `wsgi.file_wrapper` takes, as the guide to writing applications shows it. */
const fileOf = (fd) => ({
  fd,
  read: (size) => {
    const piece = new Uint8Array(size);
    return piece.subarray(0, readSync(fd, piece));
  },
  close: () => closeSync(fd),
});

function* chunks(count) {
  for (let i = 0; i < count; i++) yield CHUNK;
}

function respond(environ, startResponse, upload) {
  const [status, headers, body] =
    upload === null
      ? answer(environ.PATH_INFO, environ['wsgi.file_wrapper'])
      : ['200 OK', field('text/plain', String(upload).length), [Buffer.from(String(upload))]];
  startResponse(status, headers);
  return body;
}

export function sync(environ, startResponse) {
  if (environ.PATH_INFO !== '/length') return respond(environ, startResponse, null);
  const input = environ['wsgi.input'];
  let length = 0;
  for (let chunk = input.read(65536); chunk.length > 0; chunk = input.read(65536)) length += chunk.length;
  return respond(environ, startResponse, length);
}

export async function asynchronous(environ, startResponse) {
  if (environ.PATH_INFO !== '/length') return respond(environ, startResponse, null);
  let length = 0;
  for await (const chunk of environ['wsgi.input'].chunks()) length += chunk.length;
  return respond(environ, startResponse, length);
}
