import { describe, expect, test } from 'vitest';
import { ConfigurationError } from '../../src/interface/index.ts';
import type { Application, AsyncApplication, Lifespan } from '../../src/interface/types.ts';
import { testClient } from '../../src/testing/index.ts';

function sync(hooks: Lifespan): Application {
  const app: Application = (environ, startResponse) => {
    const { state = {} } = { state: environ['quaich.state'] };
    state.seen = true;
    startResponse('200 OK', []);
    return [Buffer.from(JSON.stringify(state))];
  };
  return Object.assign(app, hooks);
}

describe('lifespan in the test client', () => {
  test('L-02, L-06 startup fills the state, of which every request gets a copy', async () => {
    const client = testClient(
      sync({
        async startup(state) {
          state.greeting = 'hello';
        },
      }),
    );
    await client.startup();
    expect(client.get('/').json()).toEqual({ greeting: 'hello', seen: true });
    expect(client.state).toEqual({ greeting: 'hello' });
  });

  test('L-02 a request before startup is refused, where there is a hook', async () => {
    expect(() => testClient(sync({ startup() {} })).get('/')).toThrow(ConfigurationError);
    const app: AsyncApplication = Object.assign(async () => [], { startup() {} });
    await expect(testClient(app).get('/')).rejects.toThrow(ConfigurationError);
  });

  test('without a hook no startup is needed, and there is no state unless it is given', () => {
    expect(testClient(sync({})).get('/').json()).toEqual({ seen: true });
    expect(
      testClient(sync({}), { state: { a: 1 } })
        .get('/')
        .json(),
    ).toEqual({ a: 1, seen: true });
  });

  test('L-09 shutdown runs once for a startup that has completed, with the application as this', async () => {
    const calls: unknown[] = [];
    const app = sync({
      startup(state) {
        state.n = 1;
        calls.push(this);
      },
      shutdown(state) {
        calls.push({ ...state });
      },
    });
    const client = testClient(app);
    await client.shutdown();
    expect(calls).toEqual([]);
    await client.startup();
    await client.shutdown();
    await client.shutdown();
    expect(calls).toEqual([app, { n: 1 }]);
  });

  test('L-05 a startup that fails rejects, and needs no shutdown', async () => {
    let shutdowns = 0;
    const client = testClient(
      sync({
        startup() {
          throw new Error('no database');
        },
        shutdown() {
          shutdowns++;
        },
      }),
    );
    await expect(client.startup()).rejects.toThrow('no database');
    await client.shutdown();
    expect(shutdowns).toBe(0);
    expect(() => client.get('/')).toThrow(ConfigurationError);
  });

  test('L-01 hooks of the module are those without hooks of the application', async () => {
    const calls: string[] = [];
    const module: Lifespan = { startup: () => void calls.push('module'), shutdown: () => void calls.push('bye') };
    const own = testClient(sync({ startup: () => void calls.push('own') }), { lifespan: module });
    await own.startup();
    await own[Symbol.asyncDispose]();
    expect(calls).toEqual(['own', 'bye']);
  });
});
