/** The proxy of the examples, and something for it to talk to, without a network. */
import { createServer, type RequestListener } from 'node:http';
import { duplexPair } from 'node:stream';
import { proxyTo } from '../../examples/proxy.js';

const upstream = new URL('http://upstream.example:81/base/');

/** A proxy to a server that has no network: each connection is a pair of streams in memory. */
export function proxyFor(listener: RequestListener) {
  const server = createServer(listener);
  const createConnection = () => {
    const [near, far] = duplexPair();
    // What only real sockets have.
    Object.assign(near, { setKeepAlive: () => near, setNoDelay: () => near, setTimeout: () => near });
    Object.assign(far, { setKeepAlive: () => far, setNoDelay: () => far, setTimeout: () => far });
    // As with a real connection, one end does not outlive the other.
    near.once('close', () => far.destroy());
    far.once('close', () => near.destroy());
    server.emit('connection', far);
    return near;
  };
  return proxyTo(() => upstream, { createConnection });
}
