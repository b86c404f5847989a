/** Hooks and the end of mounts (L-08, L-09, L-13). */
import { describe, expect, test } from 'vitest';
import { toFetchHandler, toNodeListener } from '../../src/hosts/index.ts';
import { ConfigurationError, RequestAborted } from '../../src/interface/errors.ts';
import { markAsync } from '../../src/interface/kind.ts';
import type { AsyncApplication } from '../../src/interface/types.ts';
import { MemoryErrors } from './errors.ts';

const request = () => new Request('http://a/');
const bytes = (text: string): Uint8Array => Buffer.from(text);

/** An application that notes its hooks, and answers with what startup has left. */
function hooked(fail = false) {
  const events: string[] = [];
  const app: AsyncApplication = async (environ, startResponse) => {
    startResponse('200 OK', []);
    const state = environ['quaich.state'];
    return [bytes(JSON.stringify(state))];
  };
  app.startup = function (state) {
    events.push(this === app ? 'startup' : 'startup without this');
    if (fail && events.length === 1) throw new Error('no database');
    state.pool = 'open';
  };
  app.shutdown = (state) => void events.push(`shutdown ${state.pool}`);
  return { app, events };
}

describe('hooks', () => {
  test('L-02 L-06 L-13 a request before startup is an error that says so; the state comes to every request', async () => {
    const errors = new MemoryErrors();
    const { app, events } = hooked();
    const handler = toFetchHandler(app, { errors });
    expect((await handler(request())).status).toBe(500);
    expect(errors.text).toMatch(/await startup\(\).*L-13/);
    await Promise.all([handler.startup(), handler.startup()]);
    expect(await (await handler(request())).json()).toEqual({ pool: 'open' });
    await handler.shutdown();
    expect(events).toEqual(['startup', 'shutdown open']);
    expect((await handler(request())).status).toBe(503);
  });

  test('L-04 L-09 a startup that fails says so, may be tried again, and has no shutdown', async () => {
    const { app, events } = hooked(true);
    const listener = toNodeListener(app);
    await expect(listener.startup()).rejects.toThrow('no database');
    await listener.shutdown();
    expect(events).toEqual(['startup']);
    await listener.startup();
    await listener.shutdown();
    await listener.shutdown();
    expect(events).toEqual(['startup', 'startup', 'shutdown open']);
  });

  test('L-01 hooks of the module, and an application that has none', async () => {
    const events: string[] = [];
    const app: AsyncApplication = async (_environ, startResponse) => {
      startResponse('204 No Content', []);
      return [];
    };
    expect((await toFetchHandler(app)(request())).status).toBe(204);
    const handler = toFetchHandler(app, { lifespan: { startup: () => void events.push('startup') } });
    expect((await handler(request())).status).toBe(500);
    await handler.startup();
    expect((await handler(request())).status).toBe(204);
    expect(events).toEqual(['startup']);
  });

  test('L-15 the hooks of a sync application are its own', async () => {
    const events: string[] = [];
    const app = Object.assign(
      (_environ: unknown, startResponse: (status: string, headers: []) => unknown) => {
        startResponse('200 OK', []);
        return [bytes('x')];
      },
      { startup: () => void events.push('startup') },
    );
    const handler = toFetchHandler(app, { where: 'here' });
    expect((await handler(request())).status).toBe(500);
    await handler.startup();
    expect((await handler(request())).status).toBe(200);
    expect(events).toEqual(['startup']);
  });

  test('an application that is no function is refused when it is mounted', () => {
    expect(() => toNodeListener('./app.js' as unknown as AsyncApplication)).toThrow(ConfigurationError);
  });
});

describe('shutdown', () => {
  test('L-08 waits for the requests that run', async () => {
    const events: string[] = [];
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const app: AsyncApplication = async (_environ, startResponse) => {
      await gate;
      startResponse('200 OK', []);
      events.push('answered');
      return [];
    };
    app.shutdown = () => void events.push('shutdown');
    const handler = toFetchHandler(app);
    await handler.startup();
    const answer = handler(request());
    const stopped = handler.shutdown();
    expect((await handler(request())).status).toBe(503);
    go();
    expect((await answer).status).toBe(200);
    await stopped;
    expect(events).toEqual(['answered', 'shutdown']);
  });

  test('L-08 gives up those that do not end in time: signal, return, close, then the hook', async () => {
    const events: string[] = [];
    const app: AsyncApplication = async (environ, startResponse) => {
      const signal = environ['quaich.signal'];
      startResponse('200 OK', []);
      return {
        async *[Symbol.asyncIterator]() {
          try {
            yield bytes('first');
            await new Promise((resolve) => signal?.addEventListener('abort', resolve));
            events.push(signal?.reason instanceof RequestAborted ? 'aborted' : 'other reason');
          } finally {
            events.push('finally');
          }
        },
        close: () => void events.push('close'),
      };
    };
    app.shutdown = () => void events.push('shutdown');
    const handler = toFetchHandler(app);
    await handler.startup();
    const reader = (await handler(request())).body!.getReader();
    await reader.read();
    const broken = expect(reader.read()).rejects.toBeInstanceOf(RequestAborted);
    await handler.shutdown(0);
    await broken;
    expect(events).toEqual(['aborted', 'finally', 'close', 'shutdown']);
  });

  test('L-08 B-36 does not wait for ever for an application that does not listen', async () => {
    const app = markAsync(() => new Promise<never>(() => {}));
    const handler = toFetchHandler(app, { closeTimeout: 1 });
    const answer = handler(request());
    await handler.shutdown(0);
    expect((await answer).status).toBe(503);
  });
});
