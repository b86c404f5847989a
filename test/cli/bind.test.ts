import { describe, expect, it } from 'vitest';
import { formatBind, formatUrl, parseBind } from '../../src/server/bind.ts';

describe('parseBind', () => {
  it.each([
    ['127.0.0.1:8000', { type: 'tcp', host: '127.0.0.1', port: 8000 }],
    ['localhost:0', { type: 'tcp', host: 'localhost', port: 0 }],
    ['my-host.example:65535', { type: 'tcp', host: 'my-host.example', port: 65_535 }],
    [':8000', { type: 'tcp', host: '', port: 8000 }],
    ['[::1]:8080', { type: 'tcp', host: '::1', port: 8080 }],
    ['[::]:0', { type: 'tcp', host: '::', port: 0 }],
    ['[fe80::1%eth0]:80', { type: 'tcp', host: 'fe80::1%eth0', port: 80 }],
    ['unix:/run/site.sock', { type: 'unix', path: '/run/site.sock' }],
    ['unix:site.sock', { type: 'unix', path: '/srv/site.sock' }],
    ['fd://3', { type: 'fd', fd: 3 }],
    ['fastcgi://127.0.0.1:9000', { type: 'tcp', host: '127.0.0.1', port: 9000, protocol: 'fastcgi' }],
    ['fastcgi+[::1]:9000', { type: 'tcp', host: '::1', port: 9000, protocol: 'fastcgi' }],
    ['scgi+unix:site.sock', { type: 'unix', path: '/srv/site.sock', protocol: 'scgi' }],
    ['fastcgi+fd://0', { type: 'fd', fd: 0, protocol: 'fastcgi' }],
    ['https://[::1]:8443', { type: 'tcp', host: '::1', port: 8443, protocol: 'https' }],
    ['https://:443', { type: 'tcp', host: '', port: 443, protocol: 'https' }],
    ['https+fd://3', { type: 'fd', fd: 3, protocol: 'https' }],
    ['https://proxy.example:443', { type: 'tcp', host: 'proxy.example', port: 443, protocol: 'https' }],
    ['proxy+127.0.0.1:80', { type: 'tcp', host: '127.0.0.1', port: 80, proxied: true }],
    ['proxy+unix:site.sock', { type: 'unix', path: '/srv/site.sock', proxied: true }],
    ['proxy+https://[::1]:443', { type: 'tcp', host: '::1', port: 443, protocol: 'https', proxied: true }],
  ])('reads %s', (text, bind) => {
    expect(parseBind(text, '/srv')).toEqual(bind);
  });

  it.each([
    ['8000', 'for example "127.0.0.1:8000"'],
    ['localhost', 'the port is missing, for example "localhost:8000"'],
    ['[::1]', 'the port is missing, for example "[::1]:8000"'],
    ['localhost:', 'the port must be a number from 0 to 65535, not ""'],
    ['localhost:http', 'not "http"'],
    ['localhost:65536', 'not "65536"'],
    ['localhost:-1', 'not "-1"'],
    ['localhost:80 ', 'not "80 "'],
    ['::1', 'write an IPv6 address in brackets, as in "[::1]:8000"'],
    ['::1:8000', 'write an IPv6 address in brackets'],
    ['[localhost]:80', '"localhost" is not an IPv6 address'],
    ['a b:80', '"a b" is not a host name'],
    ['http://localhost:80', 'expected HOST:PORT without a scheme'],
    ['unix:', 'expected unix:PATH'],
    ['unix:/run/a\0b', 'expected unix:PATH'],
    [`unix:/${'x'.repeat(108)}`, 'the path of a Unix socket has at most'],
    ['fd:3', 'expected fd://N'],
    ['fd://x', 'expected fd://N'],
    ['fastcgi://', 'the port is missing'],
    ['fastcgi+scgi+127.0.0.1:80', 'is not a host name'],
    ['uwsgi://127.0.0.1:80', 'the protocols are fastcgi, scgi and'],
    ['https://localhost', 'the port is missing'],
    ['https://localhost:443/', 'the port must be a number from 0 to 65535, not "443/"'],
    ['https+unix:/run/a.sock', 'TLS is for TCP'],
    ['proxy+fastcgi://127.0.0.1:80', 'the PROXY protocol goes before HTTP and https, once'],
    ['proxy+proxy+127.0.0.1:80', 'the PROXY protocol goes before HTTP and https, once'],
    ['proxy+', 'the port is missing'],
    ['proxy+http://127.0.0.1:80', 'expected HOST:PORT without a scheme'],
    ['https+proxy+127.0.0.1:80', 'is not a host name'],
    ['proxy://127.0.0.1:80', 'the protocols are fastcgi, scgi and'],
  ])('refuses %j', (text, reason) => {
    expect(() => parseBind(text)).toThrow(reason);
  });

  it('is undone by formatBind', () => {
    for (const text of [
      '127.0.0.1:8000',
      '[::1]:1',
      ':80',
      'unix:/run/a.sock',
      'fd://3',
      'scgi+unix:/run/a.sock',
      'https://a:1',
      'proxy+https://a:1',
      'proxy+unix:/run/a.sock',
    ]) {
      expect(formatBind(parseBind(text))).toBe(text);
    }
  });
});

describe('formatUrl', () => {
  it('puts IPv6 addresses in brackets', () => {
    expect(formatUrl({ address: '::1', family: 'IPv6', port: 80 })).toBe('http://[::1]:80');
    expect(formatUrl({ address: '127.0.0.1', family: 'IPv4', port: 80 })).toBe('http://127.0.0.1:80');
    expect(formatUrl('/run/a.sock')).toBe('unix:/run/a.sock');
    expect(formatUrl('/run/a.sock', 'fastcgi')).toBe('fastcgi+unix:/run/a.sock');
    expect(formatUrl({ address: '127.0.0.1', family: 'IPv4', port: 80 }, 'scgi')).toBe('scgi://127.0.0.1:80');
  });
});
