/** What a sync application on an event loop leaves behind: that it is closed, and refused when it comes late. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { asyncFileWrapper } from '../../src/engine/file-wrapper.ts';
import { RequestAborted } from '../../src/interface/errors.ts';
import type { Application, Body, HeaderField, InputStream, StartResponse, Write } from '../../src/interface/types.ts';
import { Spool } from '../../src/shim/spool.ts';
import { Blocks, logOf } from './gateway.ts';
import { answer } from './here.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const here = fileURLToPath(import.meta.url);

/** What a function throws, by name and message. */
function thrown(run: () => unknown): string {
  try {
    run();
    return 'nothing';
  } catch (error) {
    return String(error);
  }
}

describe('what is left behind is closed', () => {
  it('G-111 G-166 B-21 a file that cannot be used is closed, and so is the temporary file of the request body', async () => {
    let closed = 0;
    let freed = 0;
    const { close } = Spool.prototype;
    Spool.prototype.close = function (this: Spool) {
      if (this.size > 1) freed++; // beyond `memory`
      close.call(this);
    };
    try {
      const { transport } = await answer(
        (environ, start) => {
          start('200 OK', []);
          const fd = openSync(here, 'r');
          closeSync(fd);
          expect(() => fstatSync(fd)).toThrow(/EBADF/);
          const file = { fd, read: () => new Uint8Array(0), close: () => closed++ };
          return environ['wsgi.file_wrapper']?.(file as never) as Body;
        },
        {
          source: new Blocks('larger than the threshold'),
          more: { 'wsgi.file_wrapper': asyncFileWrapper },
          options: { memory: 1 },
        },
      );
      expect(transport.events.at(-1)).toBe('done');
    } finally {
      Spool.prototype.close = close;
    }
    expect({ closed, freed }).toEqual({ closed: 1, freed: 1 });
  });

  it('G-111 a body that is a function is closed', async () => {
    let closed = 0;
    const { transport } = await answer((_environ, start) => {
      start('200 OK', []);
      const body = Object.assign(() => {}, {
        *[Symbol.iterator]() {
          yield bytes('a');
        },
        close: () => closed++,
      });
      return body as unknown as Body;
    });
    expect(transport.body).toBe('a');
    expect(closed).toBe(1);
  });

  it('G-111 G-145 an array whose elements throw is an error of the request, and closed', async () => {
    let closed = 0;
    const { transport, environ } = await answer((_environ, start) => {
      start('200 OK', []);
      const body = [bytes('a')];
      Object.defineProperty(body, 1, {
        get() {
          throw new RangeError('expected');
        },
      });
      return Object.assign(body, { close: () => closed++ }) as Body;
    });
    expect(transport.events[0]).toContain('500');
    expect(logOf(environ)).toContain('RangeError: expected');
    expect(closed).toBe(1);
  });

  it('G-103 G-145 an array that claims billions of chunks is refused at the first that is none', async () => {
    const { transport } = await answer((_environ, start) => {
      start('200 OK', []);
      const body: Uint8Array[] = [];
      body.length = 2 ** 32 - 1;
      return body;
    });
    expect(transport.events[0]).toContain('500 Internal Server Error');
  });

  it('G-145 an array of a sync application is not asked whether it iterates asynchronously', async () => {
    const trap = new Proxy([bytes('a')], {
      get(target, key) {
        if (key === Symbol.asyncIterator) throw new Error('expected: asked');
        return Reflect.get(target, key);
      },
    });
    const { transport } = await answer((_environ, start) => {
      start('200 OK', []);
      return trap;
    });
    expect(transport.body).toBe('a');
  });

  it('G-113 a `close` that cannot be read is one that fails, when the response is out', async () => {
    const body = [bytes('a')];
    Object.defineProperty(body, 'close', {
      get() {
        throw new RangeError('expected: no close');
      },
    });
    const { transport, environ } = await answer((_environ, start) => {
      start('200 OK', []);
      return body;
    });
    expect(transport.body).toBe('a');
    expect(logOf(environ)).toMatch(/close\(\) of the body failed\nRangeError: expected: no close/);
  });

  it('B-02 G-146 what a refused promise brings later is closed, and its failure reported', async () => {
    const late = {
      close() {
        throw new RangeError('expected: closed late');
      },
    };
    const { transport, environ } = await answer((() => Promise.resolve(late)) as unknown as Application);
    expect(transport.events[0]).toContain('500');
    await expect.poll(() => logOf(environ)).toContain('RangeError: expected: closed late');
  });
});

describe('what comes late is refused', () => {
  const G98 = /was called after the response was complete \(G-98\)/;

  /** The `write` and `startResponse` of a request that is over. */
  async function over(
    body: (environ: Parameters<Application>[0]) => Body,
  ): Promise<{ write: Write; start: StartResponse }> {
    let kept: { write: Write; start: StartResponse } | undefined;
    await answer(
      (environ, start) => {
        kept = { write: start('200 OK', []), start };
        return body(environ);
      },
      { more: { 'wsgi.file_wrapper': asyncFileWrapper } },
    );
    return kept as { write: Write; start: StartResponse };
  }

  it.each<[string, (environ: Parameters<Application>[0]) => Body]>([
    ['an array', () => [bytes('a')]],
    ['a file', (environ) => environ['wsgi.file_wrapper']?.(openSync(here, 'r') as never) as Body],
    [
      'an error',
      () => {
        throw new Error('expected');
      },
    ],
    ['a promise', () => Promise.resolve([]) as unknown as Body],
  ])('G-98 write and startResponse after %s has ended the response', async (_name, body) => {
    const { write, start } = await over(body);
    expect(thrown(() => write(bytes('late')))).toMatch(G98);
    expect(thrown(() => start('200 OK', []))).toMatch(G98);
  });

  it('G-63 B-66 a read from the input of a request that is over is an error, not the end of the input', async () => {
    let input: InputStream | undefined;
    for (const options of [{}, { memory: 1 }]) {
      await answer(
        (environ, start) => {
          input = environ['wsgi.input'];
          expect(input.read(2)).toHaveLength(2);
          start('200 OK', []);
          return [];
        },
        { source: new Blocks('abcdef'), options },
      );
      expect(() => input?.read()).toThrow(RequestAborted);
    }
  });
});

describe('a head is read once', () => {
  it('G-96 values that change when they are read again are sent as they were checked', async () => {
    let reads = 0;
    const field = ['X-A', ''] as HeaderField;
    Object.defineProperty(field, 1, { get: () => (++reads === 1 ? 'good' : 'bad\n') });
    const { transport } = await answer((_environ, start) => {
      start('200 OK', [field]);
      return [bytes('a')];
    });
    expect(transport.events[0]).toContain('X-A: good');
    expect(reads).toBe(1);
  });

  /** Headers that call `startResponse` when they are read. */
  function calling(call: () => void): HeaderField[] {
    const headers: HeaderField[] = [['X-Outer', '1']];
    Object.defineProperty(headers, 1, {
      get() {
        call();
        return ['X-Last', '2'];
      },
    });
    headers.length = 2;
    return headers;
  }

  it('G-82 a call within a call, refused, does not become the head', async () => {
    let refused = '';
    const { transport } = await answer((_environ, start) => {
      start(
        '200 OK',
        calling(() => {
          refused = thrown(() => start('404 Not Found', []));
        }),
      );
      return [bytes('a')];
    });
    expect(refused).toContain('G-82');
    expect(transport.events[0]).toMatch(/200 OK.*X-Outer: 1.*X-Last: 2/);
  });

  it('G-83 a call within a call, with an error, is replaced by the one around it', async () => {
    const { transport } = await answer((_environ, start) => {
      start(
        '200 OK',
        calling(() => start('404 Not Found', [], new Error('expected'))),
      );
      return [bytes('a')];
    });
    expect(transport.events[0]).toMatch(/200 OK.*X-Outer: 1/);
  });

  it('G-83 G-102 a head that is refused leaves none, whatever it says when it is read again', async () => {
    let reads = 0;
    const field = ['X-A', ''] as HeaderField;
    Object.defineProperty(field, 1, { get: () => (++reads === 1 ? 'bad\n' : 'good') });
    const { transport, environ } = await answer((_environ, start) => {
      start('200 OK', []);
      expect(() => start('201 Created', [field], new Error('expected'))).toThrow(/G-90/);
      return [bytes('a')];
    });
    expect(transport.events[0]).toContain('500');
    expect(logOf(environ)).toContain('startResponse had refused the head (G-102)');
  });
});
