import { describe, expect, test } from 'vitest';
import { runSync } from '../../src/engine/run-sync.ts';
import { kindOf } from '../../src/interface/kind.ts';
import { formatDateTime } from '../../src/rules/format-date-time.ts';
import { statusLine } from '../../src/rules/status-line.ts';
import { demoApp } from '../../src/toolbox/demo-app.ts';
import { MemoryErrors, syncEnviron } from '../engine/environs.ts';
import { SyncRecorder } from '../engine/recording-transport.ts';

describe('U-30 formatDateTime', () => {
  test.each([
    [0, 'Thu, 01 Jan 1970 00:00:00 GMT'],
    [784111777, 'Sun, 06 Nov 1994 08:49:37 GMT'],
    [1e9 + 0.9, 'Sun, 09 Sep 2001 01:46:40 GMT'],
  ])('%d is %s', (seconds, text) => {
    expect(formatDateTime(seconds)).toBe(text);
  });

  test('no time throws', () => {
    expect(() => formatDateTime(Number.NaN)).toThrow(RangeError);
    expect(() => formatDateTime(1e300)).toThrow(RangeError);
  });
});

describe('U-51 statusLine', () => {
  test.each([
    [200, '200 OK'],
    [404, '404 Not Found'],
    [599, '599 Unknown'],
  ])('%d is %s', (code, line) => {
    expect(statusLine(code)).toBe(line);
  });

  test.each([99, 1000, 200.5, Number.NaN])('%d is no status', (code) => {
    expect(() => statusLine(code)).toThrow(RangeError);
  });
});

describe('U-48 demoApp', () => {
  test('answers with a greeting and the sorted environ as one chunk', () => {
    const recorder = new SyncRecorder();
    const errors = new MemoryErrors();
    const environ = syncEnviron('GET', errors);
    environ['x.cycle'] = environ;
    runSync(demoApp, environ, recorder);
    expect(errors.text).toBe('');
    expect(recorder.headLines).toEqual(['200 OK', 'Content-Type: text/plain; charset=utf-8']);
    expect(recorder.sends).toHaveLength(1);
    const lines = recorder.body.trimEnd().split('\n');
    expect(lines.slice(0, 2)).toEqual(['Hello world!', '']);
    expect(lines).toContain('PATH_INFO = /path');
    expect(lines).toContain('wsgi.version = [1,0]');
    expect(lines.slice(2)).toEqual([...lines.slice(2)].sort());
    expect(kindOf(demoApp)).toBe('sync');
  });
});
