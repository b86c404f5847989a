/** Environs for tests of the engine, without a parser. */
import { AsyncInput } from '../../src/engine/async-input.ts';
import { asyncFileWrapper, fileWrapper } from '../../src/engine/file-wrapper.ts';
import { SyncInput } from '../../src/engine/sync-input.ts';
import type { AsyncEnviron, Environ, ErrorStream } from '../../src/interface/types.ts';

/** An error stream in memory. */
export class MemoryErrors implements ErrorStream {
  text = '';

  write(text: string): void {
    this.text += text;
  }

  writelines(lines: Iterable<string>): void {
    for (const line of lines) this.write(line);
  }

  flush(): void {}
}

function common(method: string, errors: ErrorStream) {
  return {
    REQUEST_METHOD: method,
    SCRIPT_NAME: '',
    PATH_INFO: '/path',
    QUERY_STRING: '',
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    SERVER_PROTOCOL: 'HTTP/1.1',
    'wsgi.version': [1, 0] as const,
    'wsgi.url_scheme': 'http' as const,
    'wsgi.errors': errors,
    'wsgi.multithread': false,
    'wsgi.multiprocess': false,
    'wsgi.run_once': false,
  };
}

export function syncEnviron(method: string, errors: ErrorStream): Environ {
  return {
    ...common(method, errors),
    'wsgi.input': new SyncInput(null),
    'wsgi.file_wrapper': fileWrapper,
    'quaich.async': false,
  };
}

export function asyncEnviron(method: string, errors: ErrorStream): AsyncEnviron {
  return {
    ...common(method, errors),
    'wsgi.input': new AsyncInput(null),
    'wsgi.file_wrapper': asyncFileWrapper,
    'quaich.async': true,
  };
}
