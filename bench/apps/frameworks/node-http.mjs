// No framework: a plain listener for node:http, with a router of its own.
import { createServer } from 'node:http';
import { data } from '../content.mjs';
import { greeting, page, receipt } from './content.mjs';

function send(response, type, text) {
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

const sendJson = (response, value) => send(response, 'application/json', JSON.stringify(value));

function listener(request, response) {
  const { url } = request;
  if (url.startsWith('/hello/')) send(response, 'text/plain', greeting(url.slice('/hello/'.length)));
  else if (url === '/json') sendJson(response, data);
  else if (url === '/page') send(response, 'text/plain', page);
  else if (url === '/orders') {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => sendJson(response, receipt(JSON.parse(Buffer.concat(chunks)))));
  } else response.writeHead(404).end();
}

export const serve = (port) => createServer(listener).listen(port, '127.0.0.1');
export const adapt = ({ fromNodeListener }) => fromNodeListener(listener);
