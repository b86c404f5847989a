// What the tests of FastCGI and SCGI ask; the same for both conventions.
const TEXT = [['Content-Type', 'text/plain']];
const bytes = (text) => Buffer.from(text);

/** One letter after the other, for ever. */
function* endless(environ) {
  try {
    for (;;) yield Buffer.alloc(30_000, 97);
  } finally {
    environ['wsgi.errors'].write('body ended\n');
  }
}

export function* syncApp(environ, startResponse) {
  const input = environ['wsgi.input'];
  switch (environ.PATH_INFO) {
    case '/echo': {
      startResponse('200 OK', TEXT);
      for (let block = input.read(10_000); block.length > 0; block = input.read(10_000)) yield block;
      break;
    }
    case '/collect': {
      const body = input.read();
      startResponse('200 OK', TEXT);
      yield body;
      break;
    }
    case '/ignore':
      startResponse('200 OK', TEXT);
      yield bytes('not read');
      break;
    case '/endless':
      startResponse('200 OK', TEXT);
      yield* endless(environ);
      break;
    case '/breaks':
      startResponse('200 OK', TEXT);
      yield bytes('half');
      input.read(1); // what the client sends when it has the half
      throw new Error('within the body');
    default:
      yield* rest(environ, startResponse);
  }
}

export async function* asyncApp(environ, startResponse) {
  switch (environ.PATH_INFO) {
    case '/echo':
      startResponse('200 OK', TEXT);
      yield* environ['wsgi.input'].chunks();
      break;
    case '/collect': {
      const body = await environ['wsgi.input'].read();
      startResponse('200 OK', TEXT);
      yield body;
      break;
    }
    case '/breaks':
      startResponse('200 OK', TEXT);
      yield bytes('half');
      await environ['wsgi.input'].read(1);
      throw new Error('within the body');
    case '/ignore':
    case '/endless':
      yield* syncApp(environ, startResponse);
      break;
    default:
      yield* rest(environ, startResponse);
  }
}

function* rest(environ, startResponse) {
  switch (environ.PATH_INFO) {
    case '/environ': {
      startResponse('200 OK', TEXT);
      const strings = Object.entries(environ).filter(([, value]) => ['string', 'boolean'].includes(typeof value));
      yield bytes(JSON.stringify(Object.fromEntries(strings)));
      break;
    }
    case '/errors':
      environ['wsgi.errors'].write('to the front server\n');
      startResponse('200 OK', TEXT);
      yield bytes('said');
      break;
    case '/fails':
      throw new Error('before the head');
    case '/exit':
      process.exit(1);
      break;
    default:
      startResponse('404 Not Found', TEXT);
      yield bytes('nothing here');
  }
}
