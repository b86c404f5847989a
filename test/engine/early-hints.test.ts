/** G-152: what `quaich.early_hints` takes. */
import { describe, expect, it } from 'vitest';
import { earlyHints } from '../../src/engine/early-hints.ts';
import { ApplicationError } from '../../src/interface/errors.ts';
import type { Transport } from '../../src/interface/transport.ts';

function hints(): { call: (headers: unknown) => void; sent: string[] } {
  const sent: string[] = [];
  const transport: Transport<false> = {
    send: () => undefined,
    hint: (lines) => void sent.push(lines),
    abort: () => {},
    done: () => {},
  };
  return { call: earlyHints(transport) as (headers: unknown) => void, sent };
}

describe('quaich.early_hints', () => {
  it('G-152 passes on what startResponse would take', () => {
    const { call, sent } = hints();
    call([
      ['Link', '</a.css>; rel=preload; as=style'],
      ['Link', '</caf\xe9.js>; rel=preload'],
      ['X-Tab', 'a\tb'],
    ]);
    expect(sent).toEqual([
      'Link: </a.css>; rel=preload; as=style\r\nLink: </caf\xe9.js>; rel=preload\r\nX-Tab: a\tb\r\n',
    ]);
  });

  it('G-152 sends nothing where there is nothing to send', () => {
    const { call, sent } = hints();
    call([]);
    expect(sent).toEqual([]);
  });

  it.each([
    ['G-90 no array', { Link: 'a' }],
    ['G-90 no pairs', [['Link']]],
    ['G-90 no strings', [['Link', 1]]],
    ['G-90 a name that is no token', [['Li nk', 'a']]],
    ['G-90 a line feed (response splitting)', [['Link', 'a\r\nSet-Cookie: b=c']]],
    ['G-90 a carriage return alone', [['Link', 'a\rSet-Cookie: b=c']]],
    ['G-90 NUL', [['Link', 'a\0']]],
    ['G-91 units that truncate to CR LF', [['Link', 'a\u010d\u010aSet-Cookie: b=c']]],
    ['G-92 a field of the connection', [['Connection', 'close']]],
    ['a Content-Length', [['Content-Length', '5']]],
  ])('G-152 refuses %s', (_title, headers) => {
    const { call, sent } = hints();
    expect(() => call(headers)).toThrow(ApplicationError);
    expect(() => call(headers)).toThrow(/^quaich\.early_hints: /);
    expect(sent).toEqual([]);
  });

  it('G-152 does nothing where the protocol has no such responses', () => {
    const transport: Transport<false> = { send: () => undefined, abort: () => {}, done: () => {} };
    expect(() => earlyHints(transport)([['Link', 'a']])).not.toThrow();
  });
});
