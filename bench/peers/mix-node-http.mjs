// The content of apps/mix.mjs on one event loop.
import { createServer } from 'node:http';
import { hello } from '../apps/content.mjs';
import { derive, derivePieces, lastPart } from '../apps/mix.mjs';

function send(response, body) {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length });
  response.end(body);
}

createServer(async (request, response) => {
  const { url } = request;
  if (url.startsWith('/sync/burn/')) send(response, derive(lastPart(url)));
  else if (url.startsWith('/async/pieces/')) send(response, await derivePieces(lastPart(url)));
  else send(response, hello);
}).listen(Number(process.env.PORT), '127.0.0.1');
