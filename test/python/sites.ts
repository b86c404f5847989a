/** Python sites of the frameworks that Debian has, each with requests that use what is special about it. */
import { type Asked, chunked, form, get, head, other, post, upload } from './comparison.ts';

export interface Site {
  /** A module of `sites` and the name of the application, as gunicorn takes them. */
  application: string;
  /** The Python packages that it needs, beside the standard library. */
  needs: string[];
  requests: Asked[];
}

const KIB = 1024;
const cookie = { Cookie: '$COOKIE' };
const JSON_TYPE = 'application/json';

export const SITES: Record<string, Site> = {
  'wsgiref.validate': {
    application: 'behaviours:application',
    needs: [],
    requests: [
      post('/echo', 'some bytes \xff\x00'),
      chunked('/digest', 'in ', 'chunks'),
      post('/lines', 'one\ntwo\n\nthree'),
      post('/readlines', 'one\ntwo\n\nthree'),
      post('/mixed', 'first\nsecond\nthird\nfourth\nfifth\n'),
      post('/digest', 'x'.repeat(3_000_000)),
      get('/generator'),
      head('/generator', 'body of HEAD'),
      get('/body'),
      get('/closes'),
      get('/write'),
      get('/fails', {}, 'error page'),
      get('/fails_late'),
      get('/replaces', {}, 'replaced fields'),
      get('/replaces_late'),
      get('/big'),
      get('/errors'),
      get('/variables?a=%20b&c', { 'X-Twice': 'caf\xe9', Cookie: 'a=1; b=2' }),
      get('/nothing'),
      get('/caf%C3%A9%20and/more'),
      get('/closes'),
    ],
  },
  Flask: {
    application: 'flask_site:app',
    needs: ['flask'],
    requests: [
      get('/'),
      head('/'),
      get('/user/Ad%C3%A9'),
      get('/user/%3Cscript%3E'),
      get('/count', {}, 'value of a cookie'),
      get('/count', cookie, 'value of a cookie'),
      get('/stream'),
      upload('/upload', 100 * KIB),
      form('/form', 'a=1&a=2&b=caf%C3%A9'),
      post('/json', '{"a":[1,null]}', JSON_TYPE),
      post('/json', '{', JSON_TYPE),
      get('/file', {}, 'time in an ETag'),
      get('/file', { Range: 'bytes=3-9' }, 'time in an ETag'),
      get('/nowhere'),
      other('DELETE', '/form', 'order of a set'),
      other('OPTIONS', '/form', 'order of a set'),
      get('/teapot'),
      get('/elsewhere'),
      get('/boom'),
      get('/torn'),
    ],
  },
  Bottle: {
    application: 'bottle_site:app',
    needs: ['bottle'],
    requests: [
      get('/'),
      head('/'),
      get('/user/%3CAd%C3%A9%3E'),
      upload('/upload', 100 * KIB),
      get('/generator'),
      get('/file', {}, 'time in an ETag'),
      get('/file', { Range: 'bytes=3-9' }, 'time in an ETag'),
      get('/nowhere'),
      other('DELETE', '/upload'),
      get('/boom'),
    ],
  },
  Django: {
    application: 'django_site:application',
    needs: ['django'],
    requests: [
      get('/'),
      head('/', 'body of HEAD'),
      get('/user/%3CAd%C3%A9%3E'),
      get('/stream'),
      upload('/upload', 100 * KIB),
      get('/users'),
      get('/users'),
      get('/count', {}, 'value of a cookie'),
      get('/count', cookie, 'value of a cookie'),
      get('/file'),
      get('/nowhere'),
      get('/boom'),
    ],
  },
  WebOb: {
    application: 'webob_site:application',
    needs: ['webob'],
    requests: [get('/?name=Ad%C3%A9'), form('/form', 'a=1&a=2'), upload('/form', 10 * KIB), get('/conditional')],
  },
  Falcon: {
    application: 'falcon_site:application',
    needs: ['falcon'],
    requests: [
      get('/greetings/Ada?times=3'),
      get('/greetings/Ada?times=many'),
      post('/greetings/Ada', '{"a":1}', JSON_TYPE),
      other('DELETE', '/greetings/Ada', 'order of a set'),
      get('/nowhere'),
    ],
  },
  CherryPy: {
    application: 'cherrypy_site:application',
    needs: ['cherrypy'],
    requests: [
      get('/?name=Ad%C3%A9'),
      form('/form', 'a=1&b=2'),
      get('/stream'),
      get('/nowhere', {}, 'traceback'),
      get('/?unknown=1', {}, 'traceback'),
    ],
  },
  'web.py': {
    application: 'webpy_site:application',
    needs: ['web'],
    requests: [get('/'), get('/Ad%C3%A9'), form('/', 'note=caf%C3%A9'), other('DELETE', '/')],
  },
};
