/** Applications for the rows on startResponse (G-80 to G-98). */
import { type ApplicationCase, bytes, OK, TEXT } from './parts.ts';

export const HEADS: ApplicationCase[] = [
  {
    title: 'G-95 order, case and repetition of the fields stay',
    app: () => (_environ, startResponse) => {
      startResponse('200 OK', [
        ['x-B', '2'],
        ['Set-Cookie', 'a=1'],
        ['X-A', '1'],
        ['Set-Cookie', 'b=2'],
        ['x-empty', ''],
      ]);
      return [bytes('.')];
    },
    status: 200,
    fields: ['x-B: 2', 'Set-Cookie: a=1', 'X-A: 1', 'Set-Cookie: b=2', 'x-empty: '],
    body: '.',
  },
  {
    title: 'G-96 later changes of the headers array have no effect',
    app: () => (_environ, startResponse) => {
      const headers: [string, string][] = [['X-A', '1']];
      startResponse('200 OK', headers);
      headers[0][1] = 'bad\r\nX-Split: 1';
      headers.push(['X-B', '2']);
      return [bytes('.')];
    },
    status: 200,
    fields: ['X-A: 1'],
    body: '.',
  },
  {
    title: 'G-83 an error before the head is sent replaces the whole head',
    app: () => (_environ, startResponse) => {
      startResponse('200 OK', [
        ['X-Old', '1'],
        ['Content-Length', '99'],
      ]);
      startResponse('503 Busy', [['X-New', '1']], new Error('busy'));
      return [bytes('sorry')];
    },
    status: 503,
    fields: ['X-New: 1'],
    body: 'sorry',
    length: 5,
  },
  {
    title: 'G-83 the head may be replaced in a step that yields nothing yet',
    app: () =>
      function* (_environ, startResponse) {
        startResponse('200 OK', [['X-Old', '1']]);
        yield bytes('');
        startResponse('503 Busy', [['X-New', '1']], new Error('busy'));
        yield bytes('sorry');
      },
    status: 503,
    fields: ['X-New: 1'],
    body: 'sorry',
  },
  {
    title: 'G-84 an error after the head was sent is thrown back, and the connection broken',
    app: (trace) =>
      function* (_environ, startResponse) {
        startResponse(...OK);
        yield bytes('part');
        const error = new Error('mine');
        try {
          startResponse('500 Oops', [], error);
        } catch (thrown) {
          trace.push(thrown === error ? 'same' : 'other');
          throw thrown;
        }
      },
    status: 200,
    body: 'part',
    broken: true,
    trace: ['same'],
    errors: /Error: mine/,
  },
  {
    title: 'G-82 a second call without an error throws into the application',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      try {
        startResponse('201 Created', []);
      } catch (error) {
        trace.push(String(error).includes('G-82') ? 'refused' : 'wrong');
      }
      return [bytes('first')];
    },
    status: 200,
    fields: TEXT,
    body: 'first',
    trace: ['refused'],
  },
  {
    title: 'G-94 equal Content-Length fields are sent once',
    app: () => (_environ, startResponse) => {
      startResponse('200 OK', [
        ['Content-Length', '2'],
        ['content-length', '2'],
      ]);
      return [bytes('ok')];
    },
    status: 200,
    fields: ['Content-Length: 2'],
    body: 'ok',
    length: 2,
  },
  {
    title: 'G-97 Date and Server of the application stay',
    app: () => (_environ, startResponse) => {
      startResponse('200 OK', [
        ['date', 'Thu, 01 Jan 1970 00:00:00 GMT'],
        ['SERVER', 'mine'],
      ]);
      return [bytes('.')];
    },
    status: 200,
    fields: ['date: Thu, 01 Jan 1970 00:00:00 GMT', 'SERVER: mine'],
    body: '.',
  },
];
