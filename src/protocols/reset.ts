import type { Socket } from 'node:net';

/**
 * Drops a connection so that its peer sees an error and not an end. `resetAndDestroy` of Node 20 ends it first, which
 * later versions do not; this does as they do. Only TCP knows a reset: other sockets just close.
 */
export function reset(socket: Socket): void {
  if (socket.remoteAddress !== undefined) (socket as Socket & { resetAndClosing?: boolean }).resetAndClosing = true;
  socket.destroy();
}
