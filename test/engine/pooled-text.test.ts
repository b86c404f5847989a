/** Bodies of large texts, whose memory is used again: nobody who looks into one ever sees another. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PooledText, textBody } from '../../src/engine/pooled-text.ts';
import type { AsyncApplication, AsyncBody } from '../../src/interface/types.ts';
import { AsyncTestClient } from '../../src/testing/index.ts';

const LEAST = 8192;

function pooled(text: string): PooledText {
  const body = PooledText.of(text);
  if (body === null) throw new TypeError('too short or too long for a block');
  return body;
}

const bytesOf = (body: Iterable<Uint8Array>): Buffer => Buffer.concat([...body]);

describe('PooledText', () => {
  it('G-115 is the text in UTF-8, whatever is in it', () => {
    const unit = fc.string({ unit: 'binary', minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(unit, fc.integer({ min: 0, max: 2000 }), (text, more) => {
        // Halves of surrogate pairs, too.
        const long = `${text}\ud83d`.repeat(LEAST).slice(0, LEAST + more);
        const body = pooled(long);
        const expected = Buffer.from(long);
        expect(bytesOf(body).equals(expected)).toBe(true);
        expect(Buffer.from(body.bytes).equals(expected)).toBe(true);
        body.close();
      }),
      { numRuns: 50 },
    );
  });

  it('leaves texts alone that are not worth a block, and those that might not fit', () => {
    expect(PooledText.of('x'.repeat(LEAST - 1))).toBe(null);
    expect(PooledText.of('x'.repeat(2 ** 18 / 3 + 1))).toBe(null);
    expect(textBody('short')).toEqual([Buffer.from('short')]);
  });

  it('G-115 gives bytes that stay as they are, and none once it is closed', () => {
    const first = pooled('a'.repeat(LEAST));
    const [kept] = first;
    first.close();
    const second = pooled('b'.repeat(LEAST));
    expect(second.bytes.buffer).not.toBe(kept.buffer);
    expect(Buffer.from(kept).toString()).toBe('a'.repeat(LEAST));
    expect([...first]).toEqual([]);
    expect(first.bytes).toHaveLength(0);
    second.close();
  });

  it('gives its block back once, however often it is closed', () => {
    const first = pooled('a'.repeat(LEAST));
    first.close();
    first.close();
    const [second, third] = [pooled('b'.repeat(LEAST)), pooled('c'.repeat(LEAST))];
    expect(second.bytes.buffer).not.toBe(third.bytes.buffer);
    second.close();
    third.close();
  });
});

describe('as the body of an application', () => {
  const answering =
    (body: () => AsyncBody): AsyncApplication =>
    async (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return body();
    };

  it('G-123 has its length, and is closed when it was taken', async () => {
    const body = pooled('\u00e9'.repeat(LEAST));
    const { headers, text } = await new AsyncTestClient(answering(() => body)).get('/');
    expect([headers.get('Content-Length'), text]).toEqual([String(2 * LEAST), '\u00e9'.repeat(LEAST)]);
    expect(body.bytes).toHaveLength(0);
  });

  it('is closed where it is not sent', async () => {
    const body = pooled('a'.repeat(LEAST));
    await new AsyncTestClient(answering(() => body)).head('/');
    expect(body.bytes).toHaveLength(0);
  });

  it('can be kept by middleware that forgets that chunks are lent', async () => {
    const chunks: Uint8Array[] = [];
    const app = answering(() => textBody('a'.repeat(LEAST)));
    const careless: AsyncApplication = async (environ, startResponse) => {
      const body = await app(environ, startResponse);
      if (Symbol.iterator in body) chunks.push(...body);
      await body.close?.();
      return chunks;
    };
    const other = new AsyncTestClient(answering(() => textBody('b'.repeat(LEAST))));
    const first = new AsyncTestClient(careless).get('/');
    await other.get('/');
    expect((await first).text).toBe('a'.repeat(LEAST));
    expect(Buffer.concat(chunks).toString()).toBe('a'.repeat(LEAST));
  });
});
