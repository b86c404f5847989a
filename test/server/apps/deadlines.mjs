// Applications that take their time, and such that take for ever.
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';

const text = (startResponse, body) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from(String(body))];
};

const loop = () => {
  for (;;);
};

const block = Buffer.alloc(65_536, 'x');
const wait = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

/** Answers with the number of its thread, but where the path says what else to do. */
export function* app(environ, startResponse) {
  const number = Number(environ.QUERY_STRING);
  switch (environ.PATH_INFO) {
    case '/loop':
      console.log('looping');
      loop();
      break;
    case '/wait':
      wait(2 ** 30);
      break;
    case '/polite':
      while (!environ['quaich.client_disconnected']());
      return;
    case '/slow':
      wait(number);
      break;
    case '/until':
      while (!existsSync(environ.QUERY_STRING)) wait(5);
      break;
    case '/length': {
      let length = 0;
      for (;;) {
        const bytes = environ['wsgi.input'].read(10_000);
        if (bytes.length === 0) break;
        length += bytes.length;
      }
      yield* text(startResponse, length);
      return;
    }
    case '/blocks':
      startResponse('200 OK', []);
      for (let i = 0; i < number; i++) yield block;
      return;
    case '/events':
      startResponse('200 OK', [['Content-Type', 'text/event-stream']]);
      for (let i = 0; i < number; i++) {
        wait(50);
        yield Buffer.from('data: 1\n\n');
      }
      return;
    case '/refuse':
      startResponse('403 Forbidden', []);
      yield Buffer.from('no');
      return;
  }
  yield* text(startResponse, threadId);
}

const reasons = [];

export async function asyncApp(environ, startResponse) {
  const number = Number(environ.QUERY_STRING);
  const signal = environ['quaich.signal'];
  switch (environ.PATH_INFO) {
    case '/loop':
      loop();
      break;
    case '/wait':
      signal.addEventListener('abort', () => reasons.push(signal.reason.name));
      await new Promise(() => {});
      break;
    case '/reasons':
      return text(startResponse, reasons);
    case '/polite':
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      break;
    case '/slow':
      await sleep(number);
      break;
    case '/until':
      while (!existsSync(environ.QUERY_STRING)) await sleep(5);
      break;
    case '/length': {
      let length = 0;
      for await (const bytes of environ['wsgi.input'].chunks()) length += bytes.length;
      return text(startResponse, length);
    }
    case '/blocks':
      startResponse('200 OK', []);
      return (async function* () {
        for (let i = 0; i < number; i++) yield block;
      })();
    case '/events':
      startResponse('200 OK', [['Content-Type', 'text/event-stream']]);
      return (async function* () {
        for (let i = 0; i < number; i++) {
          await sleep(50);
          yield Buffer.from('data: 1\n\n');
        }
      })();
  }
  return text(startResponse, threadId);
}
