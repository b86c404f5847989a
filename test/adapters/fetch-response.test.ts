/** B-69: Responses of whatever made them, sent without a stream where that can be. */
import { type PassThrough, Readable } from 'node:stream';
import { FastResponse } from 'srvx';
import { describe, expect, it } from 'vitest';
import { partsOf } from '../../src/adapters/fetch-response.ts';
import { type FetchHandler, fromFetchHandler } from '../../src/adapters/index.ts';
import { AsyncTestClient } from '../../src/testing/index.ts';
import { validator } from '../../src/validate/index.ts';

const TEXT = { 'Content-Type': 'text/plain' };
const client = (handler: FetchHandler) => new AsyncTestClient(validator(fromFetchHandler(handler)));
const tellsSource = Object.getOwnPropertySymbols(new Response()).length > 0;

describe('a native Response', () => {
  it.skipIf(!tellsSource)('B-69 of a text or bytes is taken without a stream', () => {
    const response = new Response('text');
    expect([partsOf(response).body, response.body?.locked]).toEqual(['text', true]);
    expect(partsOf(new Response(Buffer.from('b'))).body).toEqual(new Uint8Array([0x62]));
    expect(partsOf(new Response('')).body).toBe('');
    const cloned = new Response('text');
    cloned.clone();
    expect(partsOf(cloned).body).toBe('text');
  });

  it('B-69 of anything else is taken with its stream', () => {
    for (const body of [new ReadableStream(), new Blob(['x']), new FormData()])
      expect(partsOf(new Response(body)).body).toBeInstanceOf(ReadableStream);
    expect(partsOf(new Response(new Response('x').body)).body).toBeInstanceOf(ReadableStream);
    expect(partsOf(new Response(null)).body).toBe(null);
  });

  it('B-69 is a 500 when its body was used, is locked, or was sent before', async () => {
    const sent = new Response('sent', { headers: TEXT });
    expect((await client(() => sent).get('/')).text).toBe('sent');
    const used = new Response('used', { headers: TEXT });
    await used.text();
    const locked = new Response('locked', { headers: TEXT });
    locked.body?.getReader();
    const cancelled = new Response('cancelled', { headers: TEXT });
    await cancelled.body?.cancel();
    for (const response of [sent, used, locked]) {
      const { status, failed } = await client(() => response).get('/');
      expect([status, failed]).toEqual([500, true]);
    }
    // Its stream is over, and nothing holds it.
    expect((await client(() => cancelled).get('/')).text).toBe('');
  });
});

describe('a FastResponse of srvx', () => {
  const sent = async (make: () => Response, method = 'GET') => {
    const response = await client(make).request({ method, path: '/' });
    expect(response.errors).toBe('');
    return [response.statusLine, response.text, response.headers.items()];
  };
  const plain = ['content-type', 'text/plain; charset=UTF-8'];

  it('B-69 is sent as the server of srvx sends it', async () => {
    expect(await sent(() => new FastResponse('te\u00e9xt'))).toEqual([
      '200 OK',
      'te\u00e9xt',
      [plain, ['content-length', '6']],
    ]);
    const headers = new Headers(TEXT);
    for (const cookie of ['a=1', 'b=2']) headers.append('Set-Cookie', cookie);
    headers.set('Connection', 'close');
    expect(await sent(() => new FastResponse(Buffer.from('b'), { status: 201, statusText: 'Made', headers }))).toEqual([
      '201 Made',
      'b',
      [
        ['content-type', 'text/plain'],
        ['content-length', '1'],
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
      ],
    ]);
    expect(await sent(() => new FastResponse(null, { status: 204 }))).toEqual(['204 No Content', '', []]);
    expect(await sent(() => new FastResponse('head'), 'HEAD')).toEqual([
      '200 OK',
      '',
      [plain, ['content-length', '4']],
    ]);
  });

  it('B-69 may be a stream, of the web or of Node', async () => {
    const web = () => new Blob(['web']).stream();
    expect((await sent(() => new FastResponse(web(), { headers: TEXT })))[1]).toBe('web');
    expect(
      (await sent(() => new FastResponse(Readable.from([Buffer.from('node')]) as never, { headers: TEXT })))[1],
    ).toBe('node');
    const piping = { pipe: (to: PassThrough) => to.end('piped') };
    expect((await sent(() => new FastResponse(piping as never, { headers: TEXT })))[1]).toBe('piped');
    expect((await sent(() => new FastResponse(new Blob(['blob']), { headers: TEXT })))[1]).toBe('blob');
  });

  it('B-69 is a 500 the second time, unless it is empty', async () => {
    const text = new FastResponse('once');
    const site = client(() => text);
    expect([(await site.get('/')).text, (await site.get('/')).status]).toEqual(['once', 500]);
    const empty = new FastResponse(null, { status: 204, headers: { 'X-A': 'b' } });
    const twice = client(() => empty);
    for (let count = 0; count < 2; count += 1) {
      const { status, headers } = await twice.get('/');
      expect([status, headers.get('x-a')]).toEqual([204, 'b']);
    }
  });
});
