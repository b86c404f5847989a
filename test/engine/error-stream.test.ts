import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createErrorStream } from '../../src/engine/error-stream.ts';
import type { ErrorStream } from '../../src/interface/types.ts';

const folder = mkdtempSync(join(tmpdir(), 'quaich-errors-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
/** What a stream over a file has written by the time the calls return. */
function written(use: (errors: ErrorStream) => void): Buffer {
  const path = join(folder, `log-${count++}`);
  const descriptor = openSync(path, 'w');
  try {
    use(createErrorStream(descriptor));
    return readFileSync(path);
  } finally {
    closeSync(descriptor);
  }
}

describe('wsgi.errors', () => {
  test('G-70, G-72 text is out when the call returns; writelines adds no newlines', () => {
    const text = written((errors) => {
      errors.write('one\n');
      errors.writelines(new Set(['two', ' three\n']));
      errors.flush();
    });
    expect(text.toString()).toBe('one\ntwo three\n');
  });

  test('G-70 the methods work without their object', () => {
    const text = written(({ write, writelines, flush }) => {
      write('a');
      writelines(['b']);
      flush();
    });
    expect(text.toString()).toBe('ab');
  });

  test('G-71 any text is taken, lone surrogates become U+FFFD', () => {
    const text = written((errors) => errors.write('é € 😀 \ud800x\udc00\n'));
    expect(text.toString('utf8')).toBe('é € 😀 \ufffdx\ufffd\n');
  });

  test('G-73 control characters other than newline and tab are made visible', () => {
    const text = written((errors) => errors.write('a\tb\x1b[31m\r\n\0\x7f\x85 forged\n'));
    expect(text.toString()).toBe('a\tb\\x1b[31m\\r\n\\x00\\x7f\\x85 forged\n');
  });

  test.each([1, null, undefined, new Uint8Array(1), {}])('G-70 %s is no string', (value) => {
    const errors = createErrorStream();
    expect(() => errors.write(value as string)).toThrow(TypeError);
    expect(() => errors.writelines(['', value as string])).toThrow(TypeError);
  });

  test('G-72 large text is written fully', () => {
    const line = `${'é'.repeat(500_000)}\n`;
    expect(written((errors) => errors.write(line)).toString()).toBe(line);
  });

  test('a descriptor that is closed is no error for the application', () => {
    expect(() => createErrorStream(9999).write('lost\n')).not.toThrow();
  });

  test('G-72 a pipe that is full delays one write by a limited time; text is dropped then', () => {
    // A named pipe, open for both, that nobody reads; node has put nothing but O_NONBLOCK on it.
    const path = join(folder, 'pipe');
    if (spawnSync('mkfifo', [path]).status !== 0) return;
    const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      const before = performance.now();
      createErrorStream(descriptor).write('x'.repeat(1 << 20));
      expect(performance.now() - before).toBeLessThan(5000);
      // Waiting has shown that nobody reads: 50 more waits would take 12 s.
      for (let i = 0; i < 50; i++) createErrorStream(descriptor).write('lost\n');
      expect(performance.now() - before).toBeLessThan(5000);
      const block = Buffer.alloc(1 << 20);
      expect(readSync(descriptor, block)).toBeGreaterThan(0);
      createErrorStream(descriptor).write('taken again\n');
      expect(block.toString('latin1', 0, readSync(descriptor, block))).toBe('taken again\n');
    } finally {
      closeSync(descriptor);
    }
  });
});
