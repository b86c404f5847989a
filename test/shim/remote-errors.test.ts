import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import type { Application } from '../../src/interface/types.ts';
import { BlockingTransport } from '../../src/shim/far/blocking-transport.ts';
import { BlockingEnd, createBells } from '../../src/shim/link/link.ts';
import type { FarMessage, NearMessage } from '../../src/shim/link/wire.ts';

/** What has come by a port. */
function received(port: MessagePort): FarMessage[] {
  const messages: FarMessage[] = [];
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
    messages.push(next.message);
  }
  return messages;
}

/** Runs an application on the far side; gives what the near side is sent. */
function farSide(app: Application): FarMessage[] {
  const { port1, port2 } = new MessageChannel();
  const end = new BlockingEnd<NearMessage, FarMessage>(port1, createBells(1), 0);
  const thread = { kind: 'sync', multiprocess: false, closeTimeout: 5000, state: {} } as const;
  new BlockingTransport(
    { type: 'call', id: 1, environ: [], context: [], fileWrapper: false, credit: 0 },
    end,
    thread,
  ).run(app);
  const messages = received(port2);
  port1.close();
  return messages;
}

describe('wsgi.errors behind a bridge', () => {
  it('G-70 is that of a server: methods without their object, lines together, and none where one is no string', () => {
    const sent = farSide((environ, start) => {
      const { write, writelines, flush } = environ['wsgi.errors'];
      write('a');
      writelines(['b', 'c']);
      expect(() => writelines(['d', 5 as never])).toThrow(TypeError);
      flush();
      start('200 OK', []);
      return [];
    });
    expect(sent).toMatchObject([
      { type: 'errors', text: 'a' },
      { type: 'errors', text: 'bc' },
      { type: 'returned', over: true },
    ]);
  });
});
