import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { ConfigurationError } from '../../src/interface/errors.ts';
import { type AccessLogSettings, openAccessLog } from '../../src/server/log/access-log.ts';
import { accessFormat } from '../../src/server/log/format.ts';
import type { AccessRecord } from '../../src/server/log/record.ts';

const directory = mkdtempSync(join(tmpdir(), 'quaich-log-'));
afterAll(() => rmSync(directory, { recursive: true }));

const record: AccessRecord = {
  remoteAddress: '192.0.2.7',
  method: 'GET',
  target: '/a?b=c',
  protocol: 'HTTP/1.1',
  status: 200,
  bytes: 1234,
  durationMs: 1.23456,
  fields: [],
  time: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  responseHead: '',
  mount: '/',
  worker: '',
  queueMs: -1,
  connection: {
    ...{ remoteAddress: '192.0.2.7', remotePort: '', serverName: '', serverPort: '' },
    ...{ scheme: 'http', unixSocket: false },
  },
};

type Changes = Partial<AccessRecord> & { referer?: string; userAgent?: string };

async function logged(settings: AccessLogSettings, ...records: Changes[]): Promise<string[]> {
  let text = '';
  const stream = { write: (more: string) => (text += more) };
  const log = await openAccessLog({ stream, ...settings });
  for (const { referer = '', userAgent = 'curl/8', ...changes } of records) {
    const given = new Map([
      ['referer', referer],
      ['user-agent', userAgent],
    ]);
    const fields = log.facts.fields.map(({ name }) => given.get(name) ?? '');
    log.write({ ...record, fields, ...changes });
  }
  await log.close();
  return text.split('\n').slice(0, -1);
}

const messages = (onError: ReturnType<typeof vi.fn>): string[] =>
  onError.mock.calls.map(([error]) => (error as Error).message);

describe('the format', () => {
  it('common is that of Apache with the duration in milliseconds at the end', async () => {
    const [line] = await logged({ format: accessFormat('common') }, {});
    expect(line).toMatch(
      /^192\.0\.2\.7 - - \[\d\d\/Jan\/2026:\d\d:04:05 [+-]\d{4}\] "GET \/a\?b=c HTTP\/1\.1" 200 1234 1\.235$/,
    );
  });

  it('gives the moment of the request in the zone of the machine', async () => {
    const [line] = await logged({ format: accessFormat('common') }, {});
    const [, day, clock, zone] = /\[(\S+?):(\S+) (\S+)\]/.exec(line) ?? [];
    const iso = `${day.split('/').reverse().join('-').replace('Jan', '01')}T${clock}${zone.slice(0, 3)}:${zone.slice(3)}`;
    expect(Date.parse(iso)).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
  });

  it('combined adds referer and user agent, with a dash for what is unknown', async () => {
    const [line] = await logged({ format: accessFormat('combined') }, { bytes: 0, remoteAddress: '' });
    expect(line).toMatch(/^- - - \[.*\] "GET \/a\?b=c HTTP\/1\.1" 200 - "-" "curl\/8" 1\.235$/);
  });

  it('json has one object a line, without what is unknown', async () => {
    const [line] = await logged({ format: accessFormat('json') }, { remoteAddress: '' });
    expect(JSON.parse(line)).toEqual({
      level: 30,
      time: record.time,
      method: 'GET',
      target: '/a?b=c',
      protocol: 'HTTP/1.1',
      status: 200,
      bytes: 1234,
      durationMs: 1.235,
      userAgent: 'curl/8',
    });
  });

  it('json presents UTF-8 as text', async () => {
    const [line] = await logged({ format: accessFormat('json') }, { userAgent: 'cafÃ©' });
    expect(JSON.parse(line).userAgent).toBe('café');
  });

  const evil = 'a"b\\c\nd\r\u001b[31m\u007f\u009b\u00e9';

  it.each(['common', 'combined'] as const)('G-73 %s escapes quotes, controls and bytes above ASCII', async (format) => {
    const lines = await logged({ format: accessFormat(format) }, { target: evil, userAgent: evil, referer: evil });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('a\\"b\\\\c\\x0ad\\x0d\\x1b[31m\\x7f\\x9b\\xe9');
    expect(lines[0]).toMatch(/^[ -~]*$/);
  });

  it('G-73 json shows no control character, C1 and DEL included', async () => {
    const lines = await logged({ format: accessFormat('json') }, { target: evil, userAgent: '\u00c2\u009b' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[^\p{Cc}]*$/u);
    expect(JSON.parse(lines[0]).userAgent).toBe('\u009b');
  });
});

describe('what looks like something else', () => {
  const unseen = [
    '\u061c',
    '\u200b',
    '\u2028',
    '\u2029',
    '\u202e',
    '\u2066',
    '\ufeff',
    '\u{e0041}',
    '\u00ad',
    '\u0085',
  ];

  it.each(unseen.map((text) => [JSON.stringify(text), text]))(
    'G-73 json shows %j as its code',
    async (_shown, text) => {
      const target = Buffer.from(`/a${text}b`).toString('latin1');
      const [line] = await logged(
        { format: accessFormat('json') },
        { target, referer: target, userAgent: target, remoteAddress: text },
      );
      expect(line).toMatch(/^[ -~]*$/);
      expect(JSON.parse(line)).toMatchObject({ target: `/a${text}b`, userAgent: `/a${text}b`, remoteAddress: text });
    },
  );

  it.each(['common', 'combined'] as const)('G-73 %s keeps an address of a front server one word', async (format) => {
    const [line, more] = await logged(
      { format: accessFormat(format) },
      { remoteAddress: '1.2.3.4 - - "x"\n\u0085evil' },
    );
    expect(line).toMatch(/^1\.2\.3\.4\\x20-\\x20-\\x20\\"x\\"\\x0a\\x85evil - - \[[ -~]*$/);
    expect(more).toBe(undefined);
  });
});

describe('the destination', () => {
  it('receives the lines of one turn of the loop in one write', async () => {
    const write = vi.fn();
    const log = await openAccessLog({ format: accessFormat('common'), stream: { write } });
    for (let i = 0; i < 50; i++) log.write({ ...record, status: 200 + i });
    expect(write).not.toHaveBeenCalled();
    await new Promise(setImmediate);
    await log.close();
    expect(write).toHaveBeenCalledTimes(1);
    expect(String(write.mock.calls[0][0]).split('\n')).toHaveLength(51);
  });

  it('may be a file, to which lines are added', async () => {
    const file = join(directory, 'added.log');
    for (const status of [201, 202]) {
      const log = await openAccessLog({ format: accessFormat('common'), file });
      log.write({ ...record, status });
      await log.close();
    }
    expect(readFileSync(file, 'utf8').match(/ 20[12] /g)).toEqual([' 201 ', ' 202 ']);
  });

  it('writes all of many lines before it closes', async () => {
    const file = join(directory, 'many.log');
    const log = await openAccessLog({ format: accessFormat('combined'), file });
    for (let i = 0; i < 20_000; i++) log.write({ ...record, bytes: i + 1 });
    await log.close();
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(20_001);
    expect(log.dropped).toBe(0);
  });

  it('gets lines of any length, whole and in their order', async () => {
    const targets = [...Array(40).keys()].map((size) => `/${size}${'a'.repeat(size ** 3)}`);
    const file = join(directory, 'long.log');
    const log = await openAccessLog({ format: accessFormat('é %r'), file });
    for (const target of targets) log.write({ ...record, target });
    await log.close();
    expect(readFileSync(file, 'utf8').split('\n')).toEqual([
      ...targets.map((target) => `é GET ${target} HTTP/1.1`),
      '',
    ]);
  });

  it('is opened anew under the same name for log rotation', async () => {
    const file = join(directory, 'rotated.log');
    const log = await openAccessLog({ format: accessFormat('common'), file });
    log.write({ ...record, status: 201 });
    renameSync(file, `${file}.1`);
    log.reopen();
    log.write({ ...record, status: 202 });
    await log.close();
    expect(readFileSync(`${file}.1`, 'utf8').match(/ 20[12] /g)).toEqual([' 201 ']);
    expect(readFileSync(file, 'utf8').match(/ 20[12] /g)).toEqual([' 202 ']);
  });

  it('stays the old file when the new one cannot be opened', async () => {
    const onError = vi.fn();
    const folder = join(directory, 'moved');
    mkdirSync(folder);
    const log = await openAccessLog({ format: accessFormat('common'), file: join(folder, 'a.log'), onError });
    renameSync(folder, `${folder}.1`);
    log.reopen();
    log.write(record);
    await log.close();
    expect(onError).toHaveBeenCalledTimes(1);
    expect(readFileSync(join(`${folder}.1`, 'a.log'), 'utf8')).toContain(' 200 ');
  });

  it('is refused when it cannot be opened', async () => {
    const opening = openAccessLog({ format: accessFormat('common'), file: join(directory, 'no', 'such', 'folder') });
    await expect(opening).rejects.toThrow(ConfigurationError);
    await expect(opening).rejects.toThrow(/^cannot open the access log .*ENOENT/);
  });

  it.runIf(existsSync('/dev/full'))(
    'may be a full disk: lost lines are told, at first and at the end, and nothing throws',
    async () => {
      const onError = vi.fn();
      const log = await openAccessLog({ format: accessFormat('common'), file: '/dev/full', onError });
      for (let i = 0; i < 3; i++) {
        log.write(record);
        await vi.waitFor(() => expect(log.dropped).toBe(i + 1), 10_000);
      }
      await log.close();
      expect(messages(onError)).toEqual([
        expect.stringMatching(/^lines lost: 1 \(ENOSPC/),
        expect.stringMatching(/^lines lost: 2 \(ENOSPC/),
      ]);
    },
  );

  it('may be a pipe whose reader has gone', async () => {
    const onError = vi.fn();
    const stream = new PassThrough();
    const log = await openAccessLog({ format: accessFormat('common'), stream, onError });
    stream.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    await vi.waitFor(() => expect(onError).toHaveBeenCalledTimes(1), 10_000);
    log.write(record);
    await log.close();
    expect(log.dropped).toBe(1);
    expect(() => stream.emit('error', new Error('again'))).not.toThrow();
  });

  it('may be a reader that does not read: memory stays bounded, and the close ends', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const stream = new Writable({ decodeStrings: false, write() {} });
    const onError = vi.fn();
    const log = await openAccessLog({ format: accessFormat('common'), stream, onError });
    const target = `/${'x'.repeat(8000)}`;
    const flood = () => {
      for (let i = 0; i < 1000; i++) log.write({ ...record, target });
    };
    flood();
    expect(stream.writableLength).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(messages(onError)).toEqual([expect.stringMatching(/^lines lost: \d+ \(.* too slowly\)$/)]);
    vi.advanceTimersByTime(10_000);
    flood();
    vi.advanceTimersByTime(10_000);
    const closing = log.close();
    await vi.advanceTimersByTimeAsync(1000);
    await closing;
    vi.useRealTimers();
    const told = messages(onError).map((message) => Number(/\d+/.exec(message)?.[0]));
    expect(told.length).toBeGreaterThanOrEqual(3);
    // Those that a stream has kept to the end are lost as well.
    expect([told.reduce((sum, lines) => sum + lines), log.dropped]).toEqual([2000, 2000]);
  });

  it('may throw', async () => {
    const onError = vi.fn();
    const stream = {
      write() {
        throw new Error('no');
      },
    };
    const log = await openAccessLog({ format: accessFormat('json'), stream, onError });
    log.write(record);
    log.write(record);
    await log.close();
    expect(log.dropped).toBe(2);
    expect(messages(onError)).toEqual(['lines lost: 2 (no)']);
  });

  it('gets nothing after the close', async () => {
    const write = vi.fn();
    const log = await openAccessLog({ format: accessFormat('common'), stream: { write } });
    await log.close();
    log.write(record);
    expect(write).not.toHaveBeenCalled();
    expect(log.dropped).toBe(1);
  });
});
