export { makeServer, type SimpleServer, type SimpleServerOptions } from './make-server.ts';
