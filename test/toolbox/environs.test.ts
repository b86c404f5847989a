import { execFileSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Environ } from '../../src/interface/types.ts';
import {
  isHopByHop,
  MemoryErrorStream,
  readEnviron,
  setupAsyncTestingDefaults,
  setupTestingDefaults,
} from '../../src/toolbox/index.ts';

import { gather } from './gather.ts';

describe('U-07 setupTestingDefaults', () => {
  test('an empty environ becomes a GET of the root', () => {
    const { 'wsgi.input': input, 'wsgi.errors': errors, ...rest } = setupTestingDefaults({});
    expect(rest).toEqual({
      SERVER_NAME: '127.0.0.1',
      SERVER_PROTOCOL: 'HTTP/1.0',
      HTTP_HOST: '127.0.0.1',
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '',
      PATH_INFO: '/',
      'wsgi.version': [1, 0],
      'wsgi.run_once': false,
      'wsgi.multithread': false,
      'wsgi.multiprocess': false,
      'wsgi.url_scheme': 'http',
      SERVER_PORT: '80',
      'quaich.async': false,
    });
    expect([input.read(), input.read(5), input.readline(), ...input.readlines(), ...input]).toEqual(
      Array(3).fill(new Uint8Array(0)),
    );
    errors.write('a');
    errors.writelines(['b', 'c']);
    errors.flush();
    expect((errors as MemoryErrorStream).text).toBe('abc');
  });

  test('G-70 the error stream works without its object, as that of a server', () => {
    const errors = new MemoryErrorStream();
    const { write, writelines, flush } = errors;
    write('a');
    writelines(['b', 'c']);
    flush();
    expect(errors.text).toBe('abc');
  });

  test('nothing that is there is changed', () => {
    const given = {
      SERVER_NAME: 'h',
      SERVER_PROTOCOL: 'HTTP/1.1',
      HTTP_HOST: '',
      REQUEST_METHOD: 'POST',
      SCRIPT_NAME: '/a',
      PATH_INFO: '',
      'wsgi.version': [1, 0] as const,
      'wsgi.run_once': true,
      'wsgi.multithread': true,
      'wsgi.multiprocess': true,
      'wsgi.input': setupTestingDefaults({})['wsgi.input'],
      'wsgi.errors': new MemoryErrorStream(),
      'wsgi.url_scheme': 'https' as const,
      SERVER_PORT: '1',
      'quaich.async': false as const,
    };
    const environ: Partial<Environ> = { ...given };
    expect(setupTestingDefaults(environ)).toBe(environ);
    expect(environ).toEqual(given);
  });

  test.each([
    [{ HTTPS: 'on' }, 'https', '443'],
    [{ HTTPS: 'ON' }, 'http', '80'],
    [{ 'wsgi.url_scheme': 'https' as const }, 'https', '443'],
  ])('of %j the scheme is guessed and the port follows from it', (given, scheme, port) => {
    const environ = setupTestingDefaults<Partial<Environ>>({ ...given });
    expect([environ['wsgi.url_scheme'], environ.SERVER_PORT]).toEqual([scheme, port]);
  });

  test.each([{ SCRIPT_NAME: '/a' }, { PATH_INFO: '/a' }])(
    'of the two parts of the path given one, %j, the other stays away',
    (given) => {
      const environ: Record<string, unknown> = setupTestingDefaults<Partial<Environ>>({ ...given });
      expect({ SCRIPT_NAME: environ.SCRIPT_NAME, PATH_INFO: environ.PATH_INFO }).toEqual({
        SCRIPT_NAME: undefined,
        PATH_INFO: undefined,
        ...given,
      });
    },
  );

  test('SERVER_NAME is the default of HTTP_HOST', () => {
    expect(setupTestingDefaults({ SERVER_NAME: 'x' }).HTTP_HOST).toBe('x');
  });

  test('the async variant gives promises and says so', async () => {
    const environ = setupAsyncTestingDefaults({});
    const input = environ['wsgi.input'];
    expect(environ['quaich.async']).toBe(true);
    expect(await input.read(1)).toEqual(new Uint8Array(0));
    expect(await input.readline()).toEqual(new Uint8Array(0));
    expect(await input.readlines()).toEqual([]);
    expect(await gather(input)).toEqual([]);
    expect(await gather(input.chunks())).toEqual([]);
    expect(await gather(input.stream())).toEqual([]);
  });
});

describe('U-09 isHopByHop', () => {
  test.each([
    'Connection',
    'Keep-Alive',
    'Proxy-Authenticate',
    'Proxy-Authorization',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'Trailers',
    'Transfer-Encoding',
    'Upgrade',
  ])('%s is, in any case', (name) => {
    expect([isHopByHop(name), isHopByHop(name.toLowerCase()), isHopByHop(name.toUpperCase())]).toEqual([
      true,
      true,
      true,
    ]);
  });

  test.each(['Accept', 'Content-Length', 'Date', 'T', 'Tee', 'constructor', ''])('%j is not', (name) => {
    expect(isHopByHop(name)).toBe(false);
  });
});

describe('U-34 readEnviron', () => {
  const text = 'caf\u00e9 \u20ac';
  const native = 'caf\u00c3\u00a9 \u00e2\u0082\u00ac';
  const ofRequest = [
    'SCRIPT_NAME',
    'PATH_INFO',
    'QUERY_STRING',
    'REQUEST_METHOD',
    'AUTH_TYPE',
    'CONTENT_TYPE',
    'CONTENT_LENGTH',
    'HTTPS',
    'REMOTE_USER',
    'REMOTE_IDENT',
    'HTTP_X',
    'SSL_CLIENT_CERT',
    'REDIRECT_PATH_INFO',
    'REDIRECT_REDIRECT_HTTP_X',
  ];
  const others = [
    'PATH',
    'HOME',
    'REMOTE_ADDR',
    'XHTTP_Y',
    'REDIRECT_STATUS',
    'REDIRECT_',
    'XREDIRECT_PATH_INFO',
    'PATH_INFO_',
  ];

  test.each(ofRequest)('%s becomes a native string', (name) => {
    expect(readEnviron({ env: { [name]: text }, platform: 'linux' })).toEqual({ [name]: native });
  });

  test.each(others)('%s stays as it is', (name) => {
    expect(readEnviron({ env: { [name]: text }, platform: 'linux' })).toEqual({ [name]: text });
  });

  test.each([
    ['Apache/2.4', text],
    ['Microsoft-IIS/10.0', native],
    ['SimpleHTTP/0.6 Python/3.12', native],
    ['other', native],
    [undefined, native],
  ])('on Windows under %s the path is %j', (SERVER_SOFTWARE, expected) => {
    const environ = readEnviron({ env: { SERVER_SOFTWARE, PATH_INFO: text }, platform: 'win32' });
    expect(environ.PATH_INFO).toBe(expected);
  });

  test('it is a copy without a prototype', () => {
    const env = { A: '1' };
    const environ = readEnviron({ env });
    environ.B = '2';
    expect(env).toEqual({ A: '1' });
    expect('constructor' in environ).toBe(false);
    expect(readEnviron().PATH).toBe(process.env.PATH);
  });

  test.runIf(process.platform === 'linux')('G-170 bytes that are no UTF-8 come from the system', () => {
    const module = pathToFileURL('src/environ/read-environ.ts');
    const code = `import { readEnviron } from '${module}'; console.log(JSON.stringify(readEnviron().PATH_INFO));`;
    const tsx = import.meta.resolve('tsx');
    // The shell sets a byte that node cannot keep.
    const script = 'export PATH_INFO=$(printf "/\\351"); exec "$0" --import "$1" --input-type=module --eval "$2"';
    const shown = execFileSync('sh', ['-c', script, process.execPath, tsx, code], { encoding: 'utf8' });
    expect(JSON.parse(shown)).toBe('/\u00e9');
  });
});
