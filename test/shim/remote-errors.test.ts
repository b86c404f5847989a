import { describe, expect, it } from 'vitest';
import { RemoteErrors } from '../../src/shim/far/remote-errors.ts';
import type { FarMessage } from '../../src/shim/link/wire.ts';

describe('wsgi.errors behind a bridge', () => {
  it('G-70 is that of a server: methods without their object, lines together, and none where one is no string', () => {
    const sent: FarMessage[] = [];
    const { write, writelines, flush } = new RemoteErrors(1, (message) => sent.push(message)).stream;
    write('a');
    writelines(['b', 'c']);
    expect(() => writelines(['d', 5 as never])).toThrow(TypeError);
    flush();
    expect(sent).toMatchObject([{ text: 'a' }, { text: 'bc' }]);
  });
});
