// Applications that send early hints: `/` before its head, `/late` after it, `/kept` with what `/` has kept.
const TEXT = [['Content-Type', 'text/plain']];
let kept = null;

function* steps(environ, startResponse) {
  const hints = environ['quaich.early_hints'];
  if (hints === undefined) {
    startResponse('200 OK', TEXT);
    yield Buffer.from('not offered');
    return;
  }
  const refused = [];
  try {
    hints([['Link', 'a\r\nb']]);
  } catch (error) {
    refused.push(error.name);
  }
  if (environ.PATH_INFO === '/kept') kept([['Link', '</kept.css>']]);
  if (environ.PATH_INFO === '/') hints([['Link', '</a.css>; rel=preload']]);
  startResponse('200 OK', TEXT);
  if (environ.PATH_INFO === '/') hints([['Link', '</b.css>; rel=preload']]);
  yield Buffer.from(refused.join());
  hints([['Link', '</late.css>']]);
  kept = hints;
}

export const syncApp = (environ, startResponse) => steps(environ, startResponse);
export const asyncApp = async function* asyncApp(environ, startResponse) {
  yield* steps(environ, startResponse);
};
