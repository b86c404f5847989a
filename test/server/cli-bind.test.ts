// Listening, on real sockets.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { BindError, listen, parseBind } from '../../src/server/bind.ts';

const directory = mkdtempSync(join(tmpdir(), 'quaich-bind-'));
afterAll(() => rmSync(directory, { recursive: true }));

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

function on(text: string, settings?: { backlog?: number; socketMode?: number }): Promise<string> {
  const server = createServer();
  servers.push(server);
  return listen(server, parseBind(text, directory), settings);
}

describe('listen', () => {
  it('fulfils with the URL, its port chosen where 0 was asked for', async () => {
    expect(await on('127.0.0.1:0', { backlog: 16 })).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    expect(await on('unix:a.sock')).toBe(`unix:${join(directory, 'a.sock')}`);
    expect(await on(':0')).toMatch(/^http:\/\/(\[::\]|0\.0\.0\.0):\d+$/);
  });

  it.each([0o600, 0o666, 0o000])('gives a Unix socket the rights %i', async (socketMode) => {
    await on('unix:mode.sock', { socketMode });
    expect(statSync(join(directory, 'mode.sock')).mode & 0o777).toBe(socketMode);
  });

  it('leaves no error listener behind', async () => {
    const server = createServer();
    servers.push(server);
    await listen(server, { type: 'tcp', host: '127.0.0.1', port: 0 });
    expect(server.listenerCount('error')).toBe(0);
    expect(server.listenerCount('listening')).toBe(0);
  });

  it('tells the reasons of failures', async () => {
    const url = await on('127.0.0.1:0');
    const { port } = new URL(url);
    await on('unix:used.sock');
    writeFileSync(join(directory, 'plain'), '');
    const reasons: [string, RegExp][] = [
      [`127.0.0.1:${port}`, /the port is in use \(EADDRINUSE\): stop what listens there, or choose another port$/],
      ['192.0.2.1:0', /this machine does not have that address \(EADDRNOTAVAIL\)$/],
      ['unix:used.sock', /another server listens there$/],
      ['unix:plain', /the file exists and is not a socket$/],
      ['unix:none/a.sock', /there is no directory .*none$/],
      ['fd://9999', /no such descriptor was inherited$/],
    ];
    for (const [text, reason] of reasons) {
      const failure = await on(text).catch((error: unknown) => error);
      expect(failure, text).toBeInstanceOf(BindError);
      expect(failure, text).toMatchObject({ code: 'QUAICH_BIND', message: expect.stringMatching(reason) });
    }
  });
});
