// What applications leave in logs: fields of their responses, text for wsgi.errors and the console.
import { syncToAsync } from 'quaich/shim';

const OUTPUTS = {
  '/errors': (text, errors) => errors.write(text),
  '/log': (text) => console.log(text.trimEnd()),
  '/error': (text) => console.error(text.trimEnd()),
};

function answer(environ, startResponse) {
  const { PATH_INFO: path, QUERY_STRING: query } = environ;
  const [place, count = '0'] = query.split(',');
  const write = OUTPUTS[path];
  for (let i = 0; i < Number(count); i++) write?.(`${place} ${i}\n`, environ['wsgi.errors']);
  if (path === '/exit') process.exit(3);
  startResponse('200 OK', [
    ['Content-Type', 'text/plain'],
    ['X-Request-Id', 'id "1"'],
  ]);
  return [Buffer.from('hello')];
}

export const syncApp = (environ, startResponse) => answer(environ, startResponse);
export const bridged = syncToAsync(`${import.meta.url}:syncApp`, { threads: 1 });
export const asyncApp = async (environ, startResponse) => answer(environ, startResponse);
