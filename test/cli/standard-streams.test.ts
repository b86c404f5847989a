import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { TextSink } from '../../src/server/log/stream.ts';
import { createReport, sinkWriter } from '../../src/server/report.ts';
import { guardStream } from '../../src/server/standard-streams.ts';

const KILOBYTE = 'x'.repeat(1023);

const reportTo = (sink: TextSink) => createReport('info', 'text', sinkWriter(sink));

/** A stream that nobody reads. */
const unread = () => new Writable({ write: () => {} });

describe('L-17 messages of the server', () => {
  it('neither fill the memory nor fail where nobody takes them', () => {
    const errorLog = unread();
    const report = reportTo(errorLog);
    for (let i = 0; i < 5000; i++) report('error', KILOBYTE);
    expect(errorLog.writableLength).toBeLessThan(1.1 * 1024 * 1024);
  });

  it('survive a log that throws, or breaks', () => {
    const thrower = reportTo({
      write() {
        throw new Error('no');
      },
    });
    thrower('error', 'lost');
    const stream = new PassThrough();
    reportTo(stream);
    stream.emit('error', new Error('EPIPE'));
  });
});

describe('L-17 a guarded stream', () => {
  it('drops what its reader does not take, and calls back all the same', async () => {
    const stream = unread();
    guardStream(stream as NodeJS.WriteStream);
    for (let i = 0; i < 5000; i++) stream.write(KILOBYTE);
    expect(stream.writableLength).toBeLessThan(1.1 * 1024 * 1024);
    await new Promise<void>((resolve) => stream.write('dropped', () => resolve()));
    expect(() => stream.emit('error', new Error('EPIPE'))).not.toThrow();
  });
});
