import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/index.ts';
import { type Session, type SessionOptions, session, sessionOf } from '../../src/middleware/index.ts';
import { call, hello, KINDS, type Reply, syncEnviron } from './drive.ts';

const OLD = 'an old key of thirty-two bytes!!';
const NEW = 'a new key of thirty-two bytes!!!';

describe.each(KINDS)('session in the %s convention', (kind) => {
  let clock = 1_700_000_000;

  async function visit(
    cookie: string | undefined,
    act: (current: Session) => unknown,
    options: Partial<SessionOptions> = {},
  ) {
    let seen: unknown;
    const wrap = session({ keys: [OLD], now: () => clock, ...options });
    const reply = await call(
      kind,
      wrap,
      (environ, startResponse) => {
        seen = act(sessionOf(environ));
        return hello()(environ, startResponse);
      },
      { headers: cookie === undefined ? {} : { Cookie: cookie } },
    );
    return { reply, seen };
  }

  const cookieOf = (reply: Reply) => reply.field('Set-Cookie')?.split(';')[0];

  it('keeps values from one request to the next', async () => {
    const first = await visit(undefined, (s) => s.set('user', { name: 'Zoë', roles: [1] }));
    expect(first.reply.field('Set-Cookie')).toMatch(
      /^session=[\w-]+\.[\w-]{43}; Max-Age=1209600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    expect(first.reply.field('Vary')).toBe('Cookie');
    expect(first.reply.field('Cache-Control')).toBe('private');
    const second = await visit(`a=b; ${cookieOf(first.reply)}; c=d`, (s) => [s.get('user'), s.isNew, s.keys()]);
    expect(second.seen).toEqual([{ name: 'Zoë', roles: [1] }, false, ['user']]);
    expect(second.reply.field('Set-Cookie')).toBeUndefined();
  });

  it('sets no cookie where nothing changed, and does not even vary where nobody looked', async () => {
    const untouched = await visit(undefined, () => undefined);
    expect(untouched.reply.headers.map(([name]) => name)).toEqual(['Content-Type']);
    const read = await visit(undefined, (s) => s.get('user'));
    expect(read.reply.field('Set-Cookie')).toBeUndefined();
    expect(read.reply.field('Vary')).toBe('Cookie');
    const set = await visit(undefined, (s) => s.set('n', 1));
    const same = await visit(cookieOf(set.reply), (s) => s.set('n', 1));
    expect(same.reply.field('Set-Cookie')).toBeUndefined();
  });

  it('notices a change inside a value', async () => {
    const set = await visit(undefined, (s) => s.set('list', [1]));
    const changed = await visit(cookieOf(set.reply), (s) => (s.get('list') as number[]).push(2));
    const after = await visit(cookieOf(changed.reply), (s) => s.get('list'));
    expect(after.seen).toEqual([1, 2]);
  });

  it('deletes the cookie of a session that was cleared, and none that was not there', async () => {
    const set = await visit(undefined, (s) => s.set('n', 1));
    for (const end of [(s: Session) => s.clear(), (s: Session) => s.delete('n')]) {
      const ended = await visit(cookieOf(set.reply), end);
      expect(ended.reply.field('Set-Cookie')).toBe('session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax');
    }
    expect((await visit(undefined, (s) => s.clear())).reply.field('Set-Cookie')).toBeUndefined();
  });

  it('takes nothing that is not signed by a key, for this name', async () => {
    const set = await visit(undefined, (s) => s.set('admin', true));
    const cookie = String(cookieOf(set.reply));
    const [payload, signature] = cookie.slice('session='.length).split('.');
    const forged = Buffer.from('[9999999999,{"admin":true}]').toString('base64url');
    const bad = [
      `session=${forged}.${signature}`,
      `session=${forged}.`,
      `session=${forged}`,
      `session=${payload}.${signature.slice(0, -1)}`,
      `session=${payload}.${signature}x`,
      `session=${payload}x.${signature}`,
      `session=.${signature}`,
      'session=',
      `session="${payload}.${signature}`,
      `session=${'a'.repeat(5000)}.${signature}`,
      `other=${payload}.${signature}`,
    ];
    for (const value of bad) {
      expect((await visit(value, (s) => [s.get('admin'), s.isNew])).seen, value).toEqual([undefined, true]);
    }
    const renamed = await visit(cookie.replace('session=', 'other='), (s) => s.get('admin'), { name: 'other' });
    expect(renamed.seen).toBeUndefined();
    expect((await visit(cookie, (s) => s.get('admin'), { keys: [NEW] })).seen).toBeUndefined();
  });

  it('lets a new key take over from an old one', async () => {
    const set = await visit(undefined, (s) => s.set('n', 1));
    const both = await visit(cookieOf(set.reply), (s) => s.get('n'), { keys: [NEW, OLD] });
    expect(both.seen).toBe(1);
    expect((await visit(cookieOf(both.reply), (s) => s.get('n'), { keys: [NEW] })).seen).toBe(1);
  });

  it('ends when its time is over', async () => {
    const set = await visit(undefined, (s) => s.set('n', 1), { maxAge: 100 });
    const cookie = cookieOf(set.reply);
    clock += 99;
    expect((await visit(cookie, (s) => s.get('n'), { maxAge: 100 })).seen).toBe(1);
    clock += 2;
    expect((await visit(cookie, (s) => s.get('n'), { maxAge: 100 })).seen).toBeUndefined();
  });

  it('begins its time anew where it rolls, once half of it is over', async () => {
    const options = { maxAge: 100, rolling: true };
    const set = await visit(undefined, (s) => s.set('n', 1), options);
    clock += 40;
    expect((await visit(cookieOf(set.reply), (s) => s.get('n'), options)).reply.field('Set-Cookie')).toBeUndefined();
    clock += 20;
    const renewed = await visit(cookieOf(set.reply), (s) => s.get('n'), options);
    clock += 60;
    expect((await visit(cookieOf(renewed.reply), (s) => s.get('n'), options)).seen).toBe(1);
  });

  it('throws into the application what is too large for a cookie', async () => {
    const { reply } = await visit(undefined, (s) => s.set('n', 'x'.repeat(4000)));
    expect(reply.code).toBe(500);
    expect(reply.errors).toMatch(/cookie would have \d+ bytes, browsers keep 4096/);
  });

  it('has names like those of Object.prototype as any other', async () => {
    const set = await visit(undefined, (s) => {
      s.set('__proto__', { polluted: true });
      s.set('constructor', 1);
    });
    const got = await visit(cookieOf(set.reply), (s) => [s.has('toString'), s.get('constructor'), s.keys()]);
    expect(got.seen).toEqual([false, 1, ['__proto__', 'constructor']]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('sets the attributes that it is told to', async () => {
    const set = await visit(undefined, (s) => s.set('n', 1), {
      name: '__Host-s',
      httpOnly: false,
      sameSite: 'strict',
      maxAge: 5,
    });
    expect(set.reply.field('Set-Cookie')).toMatch(/^__Host-s=[^;]+; Max-Age=5; Path=\/; Secure; SameSite=Strict$/);
    const apart = await visit(undefined, (s) => s.set('n', 1), { sameSite: 'none', partitioned: true });
    expect(apart.reply.field('Set-Cookie')).toMatch(/; HttpOnly; Secure; Partitioned; SameSite=None$/);
    const auto = await visit(undefined, (s) => s.set('n', 1), { secure: 'auto', domain: 'example.com', path: '/a' });
    expect(auto.reply.field('Set-Cookie')).toMatch(/; Domain=example.com; Path=\/a; HttpOnly; SameSite=Lax$/);
  });
});

it('session refuses settings that would not hold', () => {
  const bad: SessionOptions[] = [
    { keys: [] },
    { keys: ['short'] },
    { keys: [OLD], name: 'a b' },
    { keys: [OLD], maxAge: 0 },
    { keys: [OLD], sameSite: 'none', secure: false },
    { keys: [OLD], name: '__Host-s', path: '/a' },
    { keys: [OLD], name: '__Secure-s', secure: 'auto' },
    { keys: [OLD], partitioned: true, secure: 'auto' },
    { keys: [OLD], partitioned: 'no' as never },
  ];
  for (const options of bad) expect(() => session(options)).toThrow(ConfigurationError);
  expect(() => sessionOf(syncEnviron())).toThrow(TypeError);
});
