import http from 'node:http';
import { announce } from './announce.mjs';

const body = Buffer.from('Hello world!\n');
const server = http.createServer((_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => announce(`http://127.0.0.1:${server.address().port}/`));
