/** What the compiler sees of a status (U-54, G-88); run by `tsc`, as the other tests of types. */
import { describe, expectTypeOf, it } from 'vitest';
import type {
  Application,
  AsyncApplication,
  AsyncStartResponse,
  HeaderField,
  HeaderFields,
  StartResponse,
  Status,
  SyncMiddleware,
  Write,
} from '../../src/interface/index.ts';
import { Head } from '../../src/middleware/index.ts';
import { statusLine } from '../../src/toolbox/index.ts';

declare const startResponse: StartResponse;
declare const startLater: AsyncStartResponse;
declare const text: string;
declare const code: number;
declare const bytes: Uint8Array;
declare const one: '200 OK' | '404 Not Found';
declare const mixed: '200 OK' | '404';
declare const table: Record<string, string>;
const CONSTANT = '204 No Content';

/** Types only: what is given here is never run. */
function compiled(..._programs: unknown[]): void {}

describe('the status of startResponse', () => {
  it('U-54 G-88 is a proper literal, or a string of which nothing is known', () => {
    compiled(() => {
      startResponse('200 OK', []);
      startResponse('200 ', []);
      startResponse('599 Anything At All: 1/2', []);
      startResponse(CONSTANT, []);
      startResponse(one, []);
      startResponse(text, []);
      startResponse(statusLine(code), []);
      startResponse(`${code} ${text}`, []);
      startResponse(`${code} OK`, []);
      startResponse(`404 ${text}`, []);
      startResponse(text === 'a' ? '200 OK' : '404 Not Found', []);
      startResponse(table[text] ?? '500 Internal Server Error', []);
      startResponse(text || `${code}`, []);
      startResponse('500 Internal Server Error', [], new Error('x'));
      startLater('200 OK', []);
      startLater(text, []);
    });
  });

  it('U-54 G-88 G-89 is no literal that startResponse would refuse', () => {
    compiled(() => {
      // @ts-expect-error no space and no reason
      startResponse('200', []);
      // @ts-expect-error no space
      startResponse('200OK', []);
      // @ts-expect-error no code
      startResponse('OK', []);
      // @ts-expect-error empty
      startResponse('', []);
      // @ts-expect-error four digits
      startResponse('2000 OK', []);
      // @ts-expect-error below 200
      startResponse('100 Continue', []);
      // @ts-expect-error above 599
      startResponse('600 OK', []);
      // @ts-expect-error a version ahead of it
      startResponse('HTTP/1.1 200 OK', []);
      // @ts-expect-error a blank ahead of it
      startResponse(' 200 OK', []);
      // @ts-expect-error one of them is wrong
      startResponse(mixed, []);
      // @ts-expect-error one of them is wrong
      startResponse(text === 'a' ? '200 OK' : '404', []);
      // @ts-expect-error a number
      startResponse(200, []);
      // @ts-expect-error the same in the async convention
      startLater('200', []);
    });
  });

  it('U-61 G-88 is never anything but a status', () => {
    expectTypeOf<'200 OK'>().toExtend<Status<'200 OK'>>();
    expectTypeOf<Status<string>>().toEqualTypeOf<string>();
    expectTypeOf<'200'>().not.toExtend<Status<'200'>>();
  });

  it('U-54 M-05 goes through middleware, and into whatever takes a string', () => {
    const passing: SyncMiddleware = (app) => (environ, start) =>
      app(environ, (status, headers, error) => start(status, headers, error));
    const changing: SyncMiddleware = (app) => (environ, start) => {
      let seen = '';
      const kept: { status: string; headers: HeaderFields }[] = [];
      return app(environ, (status, headers, error) => {
        seen = status;
        kept.push({ status, headers });
        const head = new Head(status, headers, error);
        const short: string = status.slice(0, 3);
        return start(status.startsWith('2') ? seen : `${short} ${kept[0].status}`, head.headers, error);
      });
    };
    const spread: SyncMiddleware = (app) => (environ, start) => app(environ, (...args) => start(...args));
    const forLater = (app: AsyncApplication): AsyncApplication => {
      return async (environ, start) => app(environ, (status, headers, error) => start(status, headers, error));
    };
    compiled(passing, changing, spread, forLater);
  });

  it('U-54 a startResponse may be any function that takes a string', () => {
    const arrow: StartResponse = (status, headers) => {
      compiled(status.length, headers.length);
      return () => {};
    };
    function declared(status: string, headers: HeaderField[], error?: Error | null): Write {
      compiled(status, headers, error);
      return () => {};
    }
    const plain: StartResponse = declared;
    const back: (status: string, headers: HeaderField[], error?: Error | null) => Write = arrow;
    const app: Application = (environ, start) => {
      compiled(environ, start);
      return [bytes];
    };
    compiled(plain, back, () => app({} as never, declared));
    expectTypeOf<Parameters<StartResponse>[0]>().toEqualTypeOf<string>();
  });
});
