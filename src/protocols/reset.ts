import type { Duplex } from 'node:stream';

/**
 * Drops a connection so that its peer sees an error and not an end. `resetAndDestroy` of Node 20 ends it first, which
 * later versions do not; this does as they do. Only TCP knows a reset: other sockets just close. So does one whose end
 * is on its way behind all that was written: the system refuses to reset that, and Node would never tell that it
 * closed.
 */
export function reset(socket: Duplex & { remoteAddress?: string | undefined }): void {
  const ending = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (socket.remoteAddress !== undefined && !ending) {
    (socket as Duplex & { resetAndClosing?: boolean }).resetAndClosing = true; // what resetAndDestroy sets, see above
  }
  socket.destroy();
}
