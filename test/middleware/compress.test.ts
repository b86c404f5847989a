import { execFileSync } from 'node:child_process';
import zlib from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeaderField } from '../../src/index.ts';
import { ConfigurationError } from '../../src/index.ts';
import { encoder, hasZstd } from '../../src/middleware/encoders.ts';
import { type CompressOptions, compress } from '../../src/middleware/index.ts';
import { detach } from '../detach.ts';
import { bytes, call, fixed, hello, KINDS, type Plain, type Reply, streamed } from './drive.ts';

const LONG = 'All work and no play makes Jack a dull boy. '.repeat(100);

interface MaybeZstd {
  constants: object;
  zstdDecompressSync?: (data: Uint8Array) => Buffer;
}
const node: MaybeZstd = zlib;

function decode(reply: Reply): string {
  switch (reply.field('Content-Encoding')) {
    case 'gzip':
      return zlib.gunzipSync(reply.body).toString();
    case 'br':
      return zlib.brotliDecompressSync(reply.body).toString();
    case 'zstd':
      return node.zstdDecompressSync!(reply.body).toString();
    default:
      return reply.text;
  }
}

function get(kind: 'sync' | 'async', accept: string | null, app: Plain, options: CompressOptions = {}, method = 'GET') {
  const headers: Record<string, string> = accept === null ? {} : { 'Accept-Encoding': accept };
  return call(kind, compress(options), app, { headers, method });
}

describe.each(KINDS)('compress in the %s convention', (kind) => {
  it.each(['array', 'generator', 'write'])(
    'G-103 of a chunk that lies about its length its bytes are compressed: %s',
    async (form) => {
      const lie = () =>
        Object.defineProperties(Buffer.from(LONG), { length: { value: 1e6 }, byteLength: { value: 1e6 } });
      const app: Plain = (_environ, startResponse) => {
        const write = startResponse('200 OK', [['Content-Type', 'text/plain']]);
        if (form === 'array') return [lie(), lie()];
        if (form === 'generator') return [lie(), lie()].values();
        write(lie());
        write(lie());
        return [];
      };
      expect(decode(await get(kind, 'gzip', app))).toBe(LONG + LONG);
    },
  );

  const negotiation: [accept: string | null, array: string | undefined, streamed: string | undefined][] = [
    [null, undefined, undefined],
    ['', undefined, undefined],
    ['identity', undefined, undefined],
    ['gzip', 'gzip', 'gzip'],
    ['GZIP', 'gzip', 'gzip'],
    ['gzip;q=0', undefined, undefined],
    ['gzip, deflate, br', 'br', kind === 'async' ? 'br' : 'gzip'],
    ['br', 'br', kind === 'async' ? 'br' : undefined],
    ['gzip;q=1, br;q=0.5', 'gzip', 'gzip'],
    ['*', hasZstd ? 'zstd' : 'br', kind === 'async' ? (hasZstd ? 'zstd' : 'br') : 'gzip'],
    ['*;q=0', undefined, undefined],
    ['identity;q=1, gzip;q=0.5', undefined, undefined],
    ['zstd', hasZstd ? 'zstd' : undefined, kind === 'async' && hasZstd ? 'zstd' : undefined],
  ];

  it.each(negotiation)(
    'Accept-Encoding %j: an array body goes as %s, a stream as %s',
    async (accept, whole, stream) => {
      const first = await get(kind, accept, hello(LONG));
      expect(first.field('Content-Encoding')).toBe(whole);
      expect(decode(first)).toBe(LONG);
      const second = await get(kind, accept, streamed([LONG, '', 'x', LONG]));
      expect(second.field('Content-Encoding')).toBe(stream);
      expect(decode(second)).toBe(`${LONG}x${LONG}`);
      for (const reply of [first, second]) expect(reply.field('Vary')).toBe('Accept-Encoding');
    },
  );

  it('knows the length of a compressed array, and shrinks it (G-123)', async () => {
    const reply = await get(kind, 'gzip', hello(LONG, [['Content-Length', String(LONG.length)]]));
    expect(reply.field('Content-Length')).toBeUndefined();
    expect(reply.length).toBe(reply.body.length);
    expect(reply.length).toBeLessThan(LONG.length / 5);
  });

  it.each(['gzip', 'br', 'zstd'] as const)(
    '%s: each chunk can be read as soon as it is sent (M-02)',
    async (coding) => {
      if ((coding === 'zstd' && !hasZstd) || (kind === 'sync' && coding !== 'gzip')) return;
      const texts = ['first', LONG, 'third', LONG];
      const mapping = encoder(coding, 4, kind === 'async');
      let sent = Buffer.alloc(0);
      let plain = '';
      for (const text of texts) {
        sent = Buffer.concat([sent, await mapping.chunk(bytes(text))]);
        plain += text;
        if (coding === 'gzip') {
          expect(zlib.gunzipSync(sent, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).toString()).toBe(plain);
        } else if (coding === 'br') {
          const finishFlush = zlib.constants.BROTLI_OPERATION_FLUSH;
          expect(zlib.brotliDecompressSync(sent, { finishFlush }).toString()).toBe(plain);
        }
      }
      mapping.close?.();
    },
  );

  it('uses what went before as the window, in streams too', async () => {
    const noise = Buffer.from(Array.from({ length: 3000 }, (_, i) => ((i * 7919 * (i % 251)) % 94) + 32)).toString();
    const reply = await get(kind, 'gzip', streamed([noise, noise, noise, noise]));
    const once = zlib.gzipSync(noise).length;
    expect(reply.body.length).toBeLessThan(once * 1.5);
  });

  it('makes streams that other decoders take: gzip -d', async () => {
    const reply = await get(kind, 'gzip', streamed([LONG, 'x', LONG]));
    expect(execFileSync('gzip', ['-dc'], { input: reply.body }).toString()).toBe(`${LONG}x${LONG}`);
  });

  it('gives back what went in, whatever the chunks', async () => {
    const chunks = fc.array(fc.oneof(fc.uint8Array({ maxLength: 50 }), fc.constant(bytes(LONG.slice(0, 700)))), {
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(chunks, fc.boolean(), async (list, late) => {
        const app: Plain = function* (_environ, startResponse) {
          if (!late) startResponse('200 OK', [['Content-Type', 'text/plain']]);
          if (late) {
            yield bytes('');
            startResponse('200 OK', [['Content-Type', 'text/plain']]);
          }
          yield* list;
        };
        const reply = await get(kind, 'gzip', app);
        expect(zlib.gunzipSync(reply.body)).toEqual(Buffer.concat(list));
        expect(reply.errors).toBe('');
      }),
      { numRuns: 40 },
    );
  });

  it('survives a window that slides over many chunks', async () => {
    const pieces = Array.from({ length: 60 }, (_, i) => `${i}:${LONG.slice(i, i + 1500)}`);
    expect(decode(await get(kind, 'gzip', streamed(pieces)))).toBe(pieces.join(''));
    const big = [LONG.repeat(20), 'x', LONG.repeat(20)];
    expect(decode(await get(kind, 'gzip', streamed(big)))).toBe(big.join(''));
  });

  it('compresses what goes through write', async () => {
    const reply = await get(kind, 'gzip', (_environ, startResponse) => {
      const write = startResponse('200 OK', [['Content-Type', 'text/html']]);
      write(bytes('written '));
      return [bytes('returned')];
    });
    expect(zlib.gunzipSync(reply.body).toString()).toBe('written returned');
  });

  const untouched: [title: string, app: Plain][] = [
    ['a small body', hello('small')],
    ['a small Content-Length', streamed(['small'], [['Content-Length', '5']])],
    ['an image', fixed('200 OK', [['Content-Type', 'image/png']], LONG)],
    ['no type', fixed('200 OK', [], LONG)],
    ['a coding of its own', hello(LONG, [['Content-Encoding', 'identity']])],
    ['no-transform', hello(LONG, [['Cache-Control', 'public, no-transform']])],
    [
      'a range',
      fixed(
        '206 Partial Content',
        [
          ['Content-Type', 'text/plain'],
          ['Content-Range', 'bytes 0-1/9'],
        ],
        LONG,
      ),
    ],
  ];

  it.each(untouched)('leaves %s alone', async (_title, app) => {
    const { field, text } = await get(kind, 'gzip', app);
    expect(field('Content-Encoding')).not.toBe('gzip');
    expect(text.length).toBeGreaterThan(0);
  });

  it('keeps or corrects the fields that go with the bytes (M-10)', async () => {
    const fields: HeaderField[] = [
      ['ETag', '"x"'],
      ['Accept-Ranges', 'bytes'],
      ['Content-MD5', 'Q2hlY2sgSW50ZWdyaXR5IQ=='],
      ['Content-Digest', 'sha-256=:a:'],
      ['Repr-Digest', 'sha-256=:a:'],
      ['Vary', 'Cookie'],
    ];
    const reply = await get(kind, 'gzip', hello(LONG, fields));
    expect(reply.field('ETag')).toBe('W/"x"');
    expect(reply.field('Accept-Ranges')).toBeUndefined();
    for (const name of ['Content-MD5', 'Content-Digest', 'Repr-Digest']) expect(reply.field(name)).toBeUndefined();
    expect(reply.field('Vary')).toBe('Cookie, Accept-Encoding');
  });

  it('answers HEAD with the fields of GET, and does no work', async () => {
    for (const app of [hello(LONG), streamed([LONG])]) {
      const head = await get(kind, 'gzip', app, {}, 'HEAD');
      const { headers } = await get(kind, 'gzip', app);
      expect(head.headers).toEqual(headers);
      expect(head.field('Content-Encoding')).toBe('gzip');
      expect(head.text).toBe('');
    }
  });

  it('is replaced whole when the application starts again with an error (M-07)', async () => {
    const reply = await get(kind, 'gzip', function* (_environ, startResponse) {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      yield bytes('');
      startResponse('500 Oops', [['Content-Type', 'image/png']], new Error('x'));
      yield bytes('plain');
    });
    expect(reply.field('Content-Encoding')).toBeUndefined();
    expect(reply.text).toBe('plain');
  });

  it('ends well when the client goes', async () => {
    const reply = await call(kind, compress(), streamed([LONG, LONG, LONG]), {
      headers: { 'Accept-Encoding': 'gzip' },
      disconnectAt: 1,
    });
    expect(reply.errors).toBe('');
  });

  it('follows its settings', async () => {
    expect((await get(kind, 'gzip, br', hello(LONG), { encodings: ['gzip', 'br'] })).field('Content-Encoding')).toBe(
      'gzip',
    );
    expect((await get(kind, 'gzip', hello('abc'), { threshold: 0 })).field('Content-Encoding')).toBe('gzip');
    const filter = (head: { status: string }) => head.status === '201 Created';
    expect((await get(kind, 'gzip', hello(LONG), { filter })).field('Content-Encoding')).toBeUndefined();
  });
});

it.each(KINDS)('M-24 takes no answer of a filter of compress but true for yes: %s', async (kind) => {
  for (const answer of [Promise.resolve(false), Promise.reject(new Error('later')), 'no', {}]) {
    const reply = await get(kind, 'gzip', hello(LONG), { filter: () => answer as never });
    expect(reply.code).toBe(500);
    expect(reply.errors).toContain('the filter of compress');
  }
});

it('compress refuses settings that make no sense', () => {
  expect(() => compress({ encodings: ['deflate' as never] })).toThrow(ConfigurationError);
  expect(() => compress({ levels: { gzip: 10 } })).toThrow(/gzip is 1 to 9/);
  expect(() => compress({ threshold: Number.NaN })).toThrow(ConfigurationError);
});

describe('compress in the async convention', () => {
  it.each(['array', 'generator'])('G-118 compresses a copy, which nobody takes away: %s', async (form) => {
    const SIZE = 10_000_000;
    const app: Plain = (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      const chunks = (function* () {
        const chunk = new Uint8Array(SIZE).fill(97);
        setImmediate(() => void detach(chunk));
        yield chunk;
      })();
      return form === 'array' ? [...chunks] : chunks;
    };
    expect(decode(await get('async', 'gzip', app))).toBe('a'.repeat(SIZE));
  });
});
