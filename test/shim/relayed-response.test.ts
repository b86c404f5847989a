import { describe, expect, it } from 'vitest';
import { APPLICATION_THREW, BODY_FAILED, CLOSE_FAILED, SEND, STOP } from '../../src/engine/response.ts';
import { END } from '../../src/interface/transport.ts';
import { RelayedResponse } from '../../src/shim/far/relayed-response.ts';
import { environWith, Lines } from './gateway.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

/** A response on the far side, with what is said of it there. */
function far(method = 'GET') {
  const errors = new Lines();
  const environ = environWith(null, { REQUEST_METHOD: method, 'wsgi.errors': errors });
  return { response: new RelayedResponse(environ, false, () => false), errors };
}

describe('the response on the far side of a bridge', () => {
  it('B-24 passes empty chunks on, and keeps the head for the first that is not empty', () => {
    const { response } = far();
    response.start('200 OK', []);
    expect(response.accept(bytes(''))).toBe(SEND);
    expect(response.piece).toEqual(bytes(''));
    expect(response.takeHead()).toBeNull();
    expect(response.accept(bytes('a'))).toBe(SEND);
    expect(response.takeHead()).not.toBeNull();
  });

  it.each([
    ['GET', '2', 'abc'],
    ['HEAD', '3', 'abc'],
  ])(
    'B-29 cuts and tells nothing of a %s with Content-Length %s, but knows that the gateway has enough',
    (method, length, text) => {
      const { response, errors } = far(method);
      response.start('200 OK', [['Content-Length', length]]);
      expect(response.accept(bytes(text))).toBe(SEND);
      expect(response.piece).toEqual(bytes(text));
      expect(response.enough).toBe(true);
      expect(() => response.write(bytes('d'))).toThrow('write was called after the response was complete (G-98)');
      expect(errors.text).toBe('');
    },
  );

  it('G-96 gives the fields as the application gave them, read once, also a length that is there twice', () => {
    const { response } = far();
    const fields: [string, string][] = [
      ['X-A', '1'],
      ['Content-Length', '0'],
      ['Content-Length', '0'],
    ];
    response.start('200 OK', fields);
    fields[0][1] = '2';
    expect(response.given?.headers.map(([name, value]) => `${name}: ${value}`)).toEqual([
      'X-A: 1',
      'Content-Length: 0',
      'Content-Length: 0',
    ]);
  });

  it('G-82 refuses a second startResponse in the words of the engine, and the first one stands', () => {
    const { response } = far();
    response.start('200 OK', [['X-A', '1']]);
    expect(() => response.start('404 Not Found', [])).toThrow(
      'startResponse was called a second time without an error as third argument (G-82)',
    );
    expect(response.given?.status).toBe('200 OK');
  });

  it('B-32 keeps what was thrown for the near side, and sends no page', () => {
    const { response, errors } = far();
    expect(response.fail(BODY_FAILED, undefined)).toBe(STOP);
    expect(response.failure).toEqual({ error: undefined });
    expect(errors.text).toBe('');
  });

  it('B-32 says what was thrown when nobody listens any more (B-56)', () => {
    const { response, errors } = far();
    response.done = true;
    expect(response.fail(APPLICATION_THREW, new RangeError('expected'))).toBe(STOP);
    expect(errors.text).toContain('the application threw\nRangeError: expected');
  });

  it('G-113 a close that throws where it is looked up has failed when the near side asks for it', () => {
    const { response, errors } = far();
    const failure = new RangeError('expected');
    const body = Object.defineProperty({}, 'close', {
      get() {
        throw failure;
      },
    });
    expect(response.last(body)).toBe(END);
    expect(response.closes(body)).toBe(true);
    expect(response.closeFailure).toEqual({ error: failure });
    response.done = true;
    response.closingFailed(CLOSE_FAILED, failure); // of a body that came late: nobody asks any more
    expect(errors.text).toContain('close() of the body failed\nRangeError: expected');
  });
});
