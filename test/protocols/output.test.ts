import { describe, expect, it } from 'vitest';
import type { ConnectionHost } from '../../src/protocols/host.ts';
import { Output } from '../../src/protocols/output.ts';
import { detach } from '../detach.ts';

describe('Output', () => {
  it('G-103 sends what was ahead of a chunk that has lost its bytes', () => {
    const written: string[] = [];
    const write = (data: string | Uint8Array) => written.push(String(data)) > 0;
    const output = new Output({ write, schedule: () => {} } as unknown as ConnectionHost);
    output.add('complete');
    const chunk = detach(new Uint8Array(3000));
    expect(() => output.addBlock('head', chunk, 0, 3000, '')).toThrow(RangeError);
    output.flush();
    expect(written).toEqual(['complete']);
  });
});
