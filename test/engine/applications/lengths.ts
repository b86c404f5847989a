/** Applications for the rows on framing and Content-Length (G-120 to G-129). */
import { ALL, type ApplicationCase, answering, bytes, closableArray, OK, streaming, TEXT } from './parts.ts';

export const LENGTHS: ApplicationCase[] = [
  {
    title: 'G-123 an array of one chunk gets its size as Content-Length',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return [bytes('hello')];
    },
    status: 200,
    fields: TEXT,
    body: 'hello',
    length: 5,
  },
  {
    title: 'G-123 an array of one empty chunk gets the length 0',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return [bytes('')];
    },
    status: 200,
    fields: TEXT,
    body: '',
    length: 0,
  },
  {
    title: 'G-123 an array of several chunks gets the sum',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      return closableArray(trace, [bytes('a'), bytes(''), bytes('bc')]);
    },
    status: 200,
    fields: TEXT,
    body: 'abc',
    length: 3,
    trace: ['close'],
  },
  {
    title: 'G-127 an empty array gets the length 0',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return [];
    },
    status: 200,
    fields: TEXT,
    body: '',
    length: 0,
  },
  {
    title: 'G-127 an iterable without a byte gets the length 0',
    app: streaming(bytes(''), bytes('')),
    status: 200,
    body: '',
    length: 0,
    trace: ['iterator', 'next', 'next', 'next', 'close'],
  },
  {
    title: 'G-120 the surplus over Content-Length is cut and iteration stops',
    app: answering('200 OK', [['Content-Length', '5']], bytes('abc'), bytes('defg'), bytes('never')),
    status: 200,
    fields: ['Content-Length: 5'],
    body: 'abcde',
    length: 5,
    trace: ['iterator', 'next', 'next', 'return', 'close'],
    errors: /G-120/,
  },
  {
    title: 'G-120 a surplus chunk after the exact length is not sent',
    app: answering('200 OK', [['Content-Length', '3']], bytes('abc'), bytes(''), bytes('d'), bytes('never')),
    status: 200,
    body: 'abc',
    trace: ['iterator', 'next', 'next', 'next', 'return', 'close'],
    errors: /G-120/,
  },
  {
    title: 'G-120 an array longer than its Content-Length is cut',
    app: () => (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', '3']]);
      return [bytes('abcdef')];
    },
    status: 200,
    body: 'abc',
    length: 3,
    errors: /G-120/,
  },
  {
    title: 'G-122 a body shorter than its Content-Length breaks the connection',
    app: answering('200 OK', [['Content-Length', '5']], bytes('abc')),
    status: 200,
    fields: ['Content-Length: 5'],
    body: 'abc',
    broken: true,
    trace: ALL,
    errors: /3 of 5 bytes.*G-122/,
  },
  {
    title: 'G-122 an array shorter than its Content-Length breaks the connection',
    app: (trace) => (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', '5']]);
      return closableArray(trace, [bytes('abc')]);
    },
    status: 200,
    body: 'abc',
    broken: true,
    trace: ['close'],
    errors: /3 of 5 bytes.*G-122/,
  },
  {
    title: 'G-122 an empty body with a Content-Length breaks the connection',
    app: () => (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', '5']]);
      return [];
    },
    status: 200,
    body: '',
    broken: true,
    errors: /0 of 5 bytes/,
  },
  {
    title: 'G-128 HEAD sends no body; the body is advanced to its first chunk only',
    method: 'HEAD',
    app: answering('200 OK', [['Content-Length', '8']], bytes(''), bytes('body'), bytes('more')),
    status: 200,
    fields: ['Content-Length: 8'],
    body: '',
    length: 8,
    trace: ['iterator', 'next', 'next', 'return', 'close'],
  },
  {
    title: 'G-128 HEAD invents no length for an iterable',
    method: 'HEAD',
    app: streaming(bytes('body')),
    status: 200,
    fields: TEXT,
    body: '',
    length: -1,
    trace: ['iterator', 'next', 'return', 'close'],
  },
  {
    title: 'G-128 HEAD invents no length for an empty array',
    method: 'HEAD',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return [];
    },
    status: 200,
    fields: TEXT,
    body: '',
    length: -1,
  },
  {
    title: 'G-123 HEAD gets the length of an array of one chunk',
    method: 'HEAD',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      return closableArray(trace, [bytes('hello')]);
    },
    status: 200,
    fields: [...TEXT, 'Content-Length: 5'],
    body: '',
    length: 5,
    trace: ['close'],
  },
  {
    title: 'G-128 HEAD with less body than Content-Length is no error',
    method: 'HEAD',
    app: answering('200 OK', [['Content-Length', '8']]),
    status: 200,
    body: '',
    length: 8,
    trace: ['iterator', 'next', 'close'],
  },
  {
    title: 'G-129 204 has no body and no Content-Length',
    app: answering('204 No Content', [['Content-Length', '4']], bytes('body'), bytes('more')),
    status: 204,
    fields: [],
    body: '',
    length: 0,
    trace: ['iterator', 'next', 'return', 'close'],
    errors: /204.*G-129/,
  },
  {
    title: 'G-129 304 keeps a Content-Length that was given',
    app: answering('304 Not Modified', [['Content-Length', '4']]),
    status: 304,
    fields: ['Content-Length: 4'],
    body: '',
    trace: ['iterator', 'next', 'close'],
  },
  {
    title: 'G-129 304 gets no Content-Length of its own',
    app: () => (_environ, startResponse) => {
      startResponse('304 Not Modified', []);
      return [bytes('dropped')];
    },
    status: 304,
    fields: [],
    body: '',
    length: -1,
    errors: /304.*G-129/,
  },
  {
    title: 'G-129 205 has the length 0 whatever was given',
    app: answering('205 Reset Content', [['Content-Length', '4']], bytes('body')),
    status: 205,
    fields: [],
    body: '',
    length: 0,
    trace: ['iterator', 'next', 'return', 'close'],
    errors: /205.*G-129/,
  },
];
