/** Applications that fail (G-100, G-102, G-103, G-113, G-140 to G-145). */
import type { Body } from '../../../src/interface/types.ts';
import {
  ALL,
  type ApplicationCase,
  answering,
  bytes,
  closableArray,
  failing,
  OK,
  PAGE,
  PAGE_BODY,
  streaming,
  tracedBody,
} from './parts.ts';

export const FAILURES: ApplicationCase[] = [
  {
    title: 'G-102 an empty chunk before startResponse is tolerated',
    app: () =>
      function* (_environ, startResponse) {
        yield bytes('');
        startResponse(...OK);
        yield bytes('late');
      },
    status: 200,
    body: 'late',
  },
  {
    title: 'G-102 a chunk without startResponse fails the request',
    app: (trace) => () => tracedBody(trace, [bytes('a'), bytes('b')]),
    status: 500,
    fields: PAGE,
    body: PAGE_BODY,
    trace: ['iterator', 'next', 'return', 'close'],
    errors: /G-102/,
  },
  {
    title: 'G-102 a body that ends without startResponse fails the request',
    app: (trace) => () => tracedBody(trace, []),
    status: 500,
    body: PAGE_BODY,
    trace: ['iterator', 'next', 'close'],
    errors: /G-102/,
  },
  {
    title: 'G-102 an array without startResponse fails the request',
    app: (trace) => () => closableArray(trace, [bytes('a')]),
    status: 500,
    body: PAGE_BODY,
    trace: ['close'],
    errors: /G-102/,
  },
  {
    title: 'G-140 an error before the body is returned gives the fixed page',
    app: () => () => {
      throw new Error('secret detail');
    },
    status: 500,
    fields: PAGE,
    body: PAGE_BODY,
    errors: /Error: secret detail\n +at /,
  },
  {
    title: 'G-140 an error of the body with the head unsent discards the stored head whole',
    app: (trace) => (_environ, startResponse) => {
      startResponse('200 OK', [['X-Mine', '1']]);
      return tracedBody(trace, [bytes(''), failing('early')]);
    },
    status: 500,
    fields: PAGE,
    body: PAGE_BODY,
    trace: ['iterator', 'next', 'next', 'close'],
    errors: /early/,
  },
  {
    title: 'G-144 the error page obeys HEAD',
    method: 'HEAD',
    app: () => () => {
      throw new Error('head');
    },
    status: 500,
    fields: PAGE,
    body: '',
    length: 26,
    errors: /head/,
  },
  {
    title: 'G-141 an error after the head was sent breaks the connection',
    app: streaming(bytes('part'), failing('late')),
    status: 200,
    body: 'part',
    broken: true,
    trace: ['iterator', 'next', 'next', 'close'],
    errors: /late/,
  },
  {
    title: 'G-103 a chunk of another type is an error of the application',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      return tracedBody(trace, ['text' as unknown as Uint8Array]);
    },
    status: 500,
    body: PAGE_BODY,
    trace: ['iterator', 'next', 'return', 'close'],
    errors: /Uint8Array, got string.*TextEncoder.*G-103/,
  },
  {
    title: 'G-103 a bad chunk in an array is found before anything is sent',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      return closableArray(trace, [bytes('a'), 5 as unknown as Uint8Array]);
    },
    status: 500,
    body: PAGE_BODY,
    trace: ['close'],
    errors: /chunk 1 .*got number/,
  },
  {
    title: 'G-141 an error after the complete response changes nothing of it',
    app: answering('200 OK', [['Content-Length', '3']], bytes('abc'), failing('afterwards')),
    status: 200,
    body: 'abc',
    trace: ALL,
    errors: /afterwards/,
  },
  {
    title: 'G-113 an error of close is logged and changes nothing',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      return tracedBody(trace, [bytes('fine')], {
        close: () => {
          throw new Error('in close');
        },
      });
    },
    status: 200,
    body: 'fine',
    trace: ALL,
    errors: /close\(\) of the body failed\nError: in close/,
  },
  {
    title: 'G-113 an error of return does not prevent close',
    method: 'HEAD',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      return tracedBody(trace, [bytes('fine')], {
        return: () => {
          throw new Error('in return');
        },
      });
    },
    status: 200,
    body: '',
    trace: ['iterator', 'next', 'return', 'close'],
    errors: /in return/,
  },
  {
    title: 'G-100 a string is no body',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return 'text' as unknown as Body;
    },
    status: 500,
    body: PAGE_BODY,
    errors: /returned string.*G-100/,
  },
  {
    title: 'G-100 a typed array is no body',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return bytes('numbers') as unknown as Body;
    },
    status: 500,
    body: PAGE_BODY,
    errors: /returned Uint8Array.*G-100/,
  },
  {
    title: 'G-100 nothing is no body',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return undefined as unknown as Body;
    },
    status: 500,
    body: PAGE_BODY,
    errors: /returned undefined.*G-100/,
  },
  {
    title: 'G-100 an object that does not iterate is no body, and is closed all the same',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      return { close: () => void trace.push('close') } as unknown as Body;
    },
    status: 500,
    body: PAGE_BODY,
    trace: ['close'],
    errors: /not iterable.*G-100/,
  },
  {
    title: 'G-103 a Buffer, a subclass and a view are chunks',
    app: () =>
      function* (_environ, startResponse) {
        startResponse(...OK);
        class Mine extends Uint8Array {}
        yield Buffer.from('a');
        yield Mine.of(98);
        yield bytes('xxcxx').subarray(2, 3);
      },
    status: 200,
    body: 'abc',
  },
  {
    title: 'G-145 undefined may be thrown',
    app: () => () => {
      throw undefined;
    },
    status: 500,
    body: PAGE_BODY,
    errors: /thrown value: undefined/,
  },
  {
    title: 'G-145 an error whose stack getter throws is handled',
    app: () => () => {
      throw Object.freeze(
        Object.defineProperty(new Error('hidden'), 'stack', {
          get() {
            throw new Error('no stack for you');
          },
        }),
      );
    },
    status: 500,
    body: PAGE_BODY,
    errors: /Error: hidden/,
  },
  {
    title: 'G-145 a Proxy that throws whatever is asked is handled',
    app: () => () => {
      const refuse = () => {
        throw new Error('refused');
      };
      throw new Proxy({}, { get: refuse, has: refuse, getPrototypeOf: refuse, ownKeys: refuse });
    },
    status: 500,
    body: PAGE_BODY,
    errors: /the application threw/,
  },
];
