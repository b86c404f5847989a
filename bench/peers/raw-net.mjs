// The floor: a server on node:net that parses nothing. It takes every empty line for the end of a request, and sends
// bytes that were made before. No server can be much cheaper on Node's sockets.
import { createServer } from 'node:net';
import { hello } from '../apps/content.mjs';

const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: ${new Date().toUTCString()}\r\nContent-Length: ${hello.length}\r\n\r\n${hello}`,
);
const END = Buffer.from('\r\n\r\n');

function take(socket, read) {
  let requests = 0;
  for (let at = read.indexOf(END); at >= 0; at = read.indexOf(END, at + 4)) requests++;
  socket.write(requests === 1 ? answer : Buffer.concat(Array(requests).fill(answer)));
}

createServer({ noDelay: true }, (socket) => {
  socket.on('data', (read) => take(socket, read));
  socket.on('error', () => {});
}).listen(Number(process.env.PORT), '127.0.0.1');
