/** The request body of the node:http mount, without a network (G-53 to G-67, G-178). */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { BytesBody, collectedBytes, isUntouched, NodeBody } from '../../src/hosts/node-http/body.ts';
import { ClientDisconnected, RequestAborted, RequestBodyError } from '../../src/interface/errors.ts';

/** A request whose body the test pushes; `asked` counts how often Node wants more off the socket. */
function incoming() {
  const request = new IncomingMessage(new Socket());
  const state = { request, asked: 0 };
  request._read = () => {
    state.asked += 1;
  };
  return state;
}

const text = (block: Uint8Array | null): string | null => (block === null ? null : Buffer.from(block).toString());

describe('the stream', () => {
  test('G-57 gives what is there, never more than is asked for, and null at the end, then always', async () => {
    const { request } = incoming();
    const body = new NodeBody(request, 100, null);
    request.push('abc');
    expect(text(await body.read(2))).toBe('ab');
    expect(text(await body.read(2))).toBe('c');
    const waiting = body.read(10);
    request.push('def');
    expect(text(await waiting)).toBe('def');
    const end = body.read(10);
    request.push(null);
    expect([await end, await body.read(10)]).toEqual([null, null]);
  });

  test('G-66 what was read may be transferred: it shares its buffer with nothing', async () => {
    const { request } = incoming();
    const body = new NodeBody(request, 100, null);
    request.push(Buffer.from('head of another request|abcdef').subarray(24));
    const first = await body.read(2);
    expect(first?.buffer.byteLength).toBe(2);
    structuredClone(first?.buffer, { transfer: [first?.buffer as ArrayBuffer] });
    expect(text(await body.read(10))).toBe('cdef');
  });

  test('G-154 G-63 a read that goes on when the request is over rejects, and so do later ones', async () => {
    const { request } = incoming();
    const body = new NodeBody(request, 100, null);
    const reading = body.read(2);
    body.abandon();
    await expect(reading).rejects.toBeInstanceOf(RequestAborted);
    await expect(body.read(2)).rejects.toBeInstanceOf(RequestAborted);
  });

  test('G-65 nothing is taken off the socket that nobody reads', async () => {
    const state = incoming();
    const { request } = state;
    const body = new NodeBody(request, Number.POSITIVE_INFINITY, null);
    await turn();
    expect(state.asked).toBe(0);
    request.push('a');
    expect(text(await body.read(1))).toBe('a');
    const size = request.readableHighWaterMark;
    expect(request.push(Buffer.alloc(size))).toBe(false);
    const { asked } = state;
    await turn();
    await turn();
    expect([state.asked, request.readableLength, request.readableFlowing]).toEqual([asked, size, false]);
  });

  test('G-63 a stream that closes early fails the read that waits, and those after it', async () => {
    const { request } = incoming();
    const body = new NodeBody(request, 100, null);
    const waiting = body.read(1);
    request.destroy();
    await expect(waiting).rejects.toBeInstanceOf(ClientDisconnected);
    await expect(body.read(1)).rejects.toBeInstanceOf(ClientDisconnected);
  });

  test('G-63 a stream that was destroyed before the first read fails it', async () => {
    const { request } = incoming();
    request.destroy();
    await turn();
    await expect(new NodeBody(request, 100, null).read(1)).rejects.toBeInstanceOf(ClientDisconnected);
  });

  test('G-65 bytes beyond the limit fail with 413', async () => {
    const { request } = incoming();
    const body = new NodeBody(request, 3, null);
    request.push('abc');
    expect(text(await body.read(10))).toBe('abc');
    request.push('d');
    const failure: unknown = await Promise.resolve(body.read(10)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RequestBodyError);
    expect(failure).toMatchObject({ status: 413 });
  });

  test('G-64 what was not read flows away when the request is over', async () => {
    const { request } = incoming();
    const body = new NodeBody(request, 100, null);
    request.push('abcdef');
    await body.read(1);
    body.abandon();
    request.push(null);
    await turn();
    await turn();
    expect(request.readableEnded).toBe(true);
  });

  test('G-67 100 Continue is sent with the first read, once, and not behind a head', async () => {
    const continued = (answered: boolean) => {
      const { request } = incoming();
      const response = new ServerResponse(request);
      let sent = 0;
      response.writeContinue = () => {
        sent += 1;
      };
      if (answered) response.writeHead(200);
      const body = new NodeBody(request, 100, response);
      const before = sent;
      request.push('ab');
      body.read(1);
      body.read(1);
      return [before, sent];
    };
    expect(continued(false)).toEqual([0, 1]);
    expect(continued(true)).toEqual([0, 0]);
  });
});

describe('G-178 a body that was collected', () => {
  test('is read as any other, from a copy', async () => {
    const bytes = Buffer.from('abc');
    const body = new BytesBody(bytes);
    const first = body.read(2);
    bytes.fill(0x78);
    expect([text(first), text(body.read(2)), body.read(2), body.read(2)]).toEqual(['ab', 'x', null, null]);
  });

  test('is taken for bytes only if it is bytes', () => {
    const from = (left: object) => collectedBytes(Object.assign(incoming().request, left));
    expect(text(from({ rawBody: Buffer.from('raw'), body: { parsed: true } }))).toBe('raw');
    expect(text(from({ body: new Uint8Array([0x61]) }))).toBe('a');
    for (const body of [undefined, null, 'text', { a: 1 }, [97]]) expect(from({ body })).toBe(null);
  });

  test('is told from a stream that is still whole', async () => {
    const { request } = incoming();
    expect(isUntouched(request)).toBe(true);
    request.setEncoding('utf8');
    expect(isUntouched(request)).toBe(false);
    const read = incoming().request;
    read.push('a');
    read.on('data', () => {});
    expect(isUntouched(read)).toBe(false);
    await turn();
    expect(isUntouched(read)).toBe(false);
  });
});
