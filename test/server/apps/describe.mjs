// Answers with what arrived, as JSON: for comparing requests with what was sent.

function answer(environ, startResponse, body) {
  const fields = Object.entries(environ).filter(
    ([key]) => key.startsWith('HTTP_') || /^CONTENT_(TYPE|LENGTH)$/.test(key),
  );
  const text = JSON.stringify({
    method: environ.REQUEST_METHOD,
    target: environ.REQUEST_URI,
    version: environ.SERVER_PROTOCOL,
    fields: Object.fromEntries(fields),
    body: Buffer.from(body).toString('latin1'),
  });
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  return [Buffer.from(text)];
}

export function syncApp(environ, startResponse) {
  return answer(environ, startResponse, environ['wsgi.input'].read());
}

export async function asyncApp(environ, startResponse) {
  return answer(environ, startResponse, await environ['wsgi.input'].read());
}
