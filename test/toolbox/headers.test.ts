import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ApplicationError } from '../../src/interface/index.ts';
import type { HeaderField } from '../../src/interface/types.ts';
import { Headers } from '../../src/toolbox/index.ts';

describe('U-10 construction', () => {
  test('a given list is worked on itself, in both directions', () => {
    const list: HeaderField[] = [['A', '1']];
    const headers = new Headers(list);
    headers.set('B', '2');
    expect(list).toEqual([
      ['A', '1'],
      ['B', '2'],
    ]);
    list.push(['C', '3']);
    expect(headers.get('c')).toBe('3');
    expect(headers.list).toBe(list);
  });

  test('without a list there is an empty one', () => {
    expect(new Headers().list).toEqual([]);
    expect(new Headers().list).not.toBe(new Headers().list);
  });

  test.each([[{}], ['A: 1'], [null], [1], [[['A']]], [[['A', '1', '2']]], [['A1']], [[{ 0: 'A', 1: '1', length: 2 }]]])(
    'the argument %j throws a TypeError',
    (list) => {
      expect(() => new Headers(list as unknown as HeaderField[])).toThrow(TypeError);
    },
  );

  test.each([[[['A', 1]]], [[[1, 'A']]], [[['A', null]]], [[[new String('A'), 'a']]]])(
    'names and values that are no strings throw a TypeError: %j',
    (list) => {
      expect(() => new Headers(list as unknown as HeaderField[])).toThrow(TypeError);
    },
  );
});

test('U-11 length and size count repeated entries', () => {
  const headers = new Headers([
    ['A', '1'],
    ['a', '2'],
    ['B', '3'],
  ]);
  expect([headers.length, headers.size]).toEqual([3, 3]);
});

test('U-12 set deletes all of the name and appends at the end', () => {
  const headers = new Headers([
    ['Foo', '1'],
    ['Bar', '2'],
    ['foo', '3'],
  ]);
  headers.set('FOO', '4');
  expect(headers.items()).toEqual([
    ['Bar', '2'],
    ['FOO', '4'],
  ]);
});

test('U-13 delete removes all, in place; none is no error', () => {
  const list: HeaderField[] = [
    ['Foo', '1'],
    ['Bar', '2'],
    ['foo', '3'],
  ];
  const headers = new Headers(list);
  headers.delete('fOO');
  headers.delete('Spam');
  expect(list).toEqual([['Bar', '2']]);
});

test('U-14 get gives the first value without regard to case, else null or the given default', () => {
  const headers = new Headers([
    ['Foo', ''],
    ['foo', '2'],
  ]);
  expect(headers.get('FOO')).toBe('');
  expect(headers.has('FOO')).toBe(true);
  expect(headers.get('Bar')).toBeNull();
  expect(headers.get('Bar', 'x')).toBe('x');
  expect(headers.has('Bar')).toBe(false);
});

test('U-15 getAll gives all values in order, or none', () => {
  const headers = new Headers([
    ['Foo', '1'],
    ['Bar', 'x'],
    ['foo', '2'],
  ]);
  expect(headers.getAll('FOO')).toEqual(['1', '2']);
  expect(headers.getAll('Spam')).toEqual([]);
});

test('U-16 keys, values and items are in order with repetitions; items is a copy', () => {
  const list: HeaderField[] = [
    ['Foo', '1'],
    ['foo', '2'],
  ];
  const headers = new Headers(list);
  expect(headers.keys()).toEqual(['Foo', 'foo']);
  expect(headers.values()).toEqual(['1', '2']);
  const items = headers.items();
  items[0][1] = 'changed';
  items.pop();
  expect(list).toEqual([
    ['Foo', '1'],
    ['foo', '2'],
  ]);
  expect([...headers]).toEqual(list);
});

test('U-17 setdefault returns the first value, or appends', () => {
  const headers = new Headers([
    ['Foo', '1'],
    ['foo', '2'],
  ]);
  expect(headers.setdefault('FOO', '3')).toBe('1');
  expect(headers.setdefault('Bar', '4')).toBe('4');
  expect(headers.items()).toEqual([
    ['Foo', '1'],
    ['foo', '2'],
    ['Bar', '4'],
  ]);
});

describe('U-18 addHeader', () => {
  test('the vector of the row', () => {
    const headers = new Headers([['Content-Disposition', 'inline']]);
    headers.addHeader('content-disposition', 'attachment', { filename: 'bud.gif' });
    expect(headers.getAll('Content-Disposition')).toEqual(['inline', 'attachment; filename="bud.gif"']);
  });

  test.each<[string | null, Record<string, string | null>, string]>([
    ['a', {}, 'a'],
    ['', {}, ''],
    [null, {}, ''],
    [null, { x: '1' }, 'x="1"'],
    ['a', { x_y_z: '1', b: null, c: '' }, 'a; x-y-z="1"; b; c'],
    ['a', { f: 'say "\\hi\\"' }, 'a; f="say \\"\\\\hi\\\\\\""'],
    ['a', { z: '1', a: '2', m: '3' }, 'a; z="1"; a="2"; m="3"'],
  ])('%j with %j gives %j', (value, params, expected) => {
    const headers = new Headers();
    headers.addHeader('X', value, params);
    expect(headers.get('X')).toBe(expected);
  });

  test('values that are no strings throw a TypeError and add nothing', () => {
    const headers = new Headers();
    expect(() => headers.addHeader('X', 1 as unknown as string)).toThrow(TypeError);
    expect(() => headers.addHeader('X', 'a', { b: 1 as unknown as string })).toThrow(TypeError);
    expect(headers.size).toBe(0);
  });
});

test('U-19 toString and toBytes write the fields as in a message', () => {
  expect(String(new Headers())).toBe('\r\n');
  const headers = new Headers([
    ['Foo', 'bar'],
    ['foo', 'b\u00e4z'],
  ]);
  expect(String(headers)).toBe('Foo: bar\r\nfoo: b\u00e4z\r\n\r\n');
  expect(Buffer.from(headers.toBytes()).toString('latin1')).toBe(String(headers));
});

describe('U-20 characters that have no place in a header', () => {
  const units = [...Array(32).keys(), 127, 0x100, 0x10a, 0xd800, 0x20ac];

  test.each(units)('unit %i is refused by every method that adds', (unit) => {
    const bad = `a${String.fromCharCode(unit)}b`;
    const headers = new Headers();
    const inNames = [
      () => new Headers([[bad, 'v']]),
      () => headers.set(bad, 'v'),
      () => headers.append(bad, 'v'),
      () => headers.setdefault(bad, 'v'),
      () => headers.addHeader(bad, 'v'),
      () => headers.addHeader('n', 'v', { [bad]: 'x' }),
    ];
    const inValues = [
      () => new Headers([['n', bad]]),
      () => headers.set('n', bad),
      () => headers.append('n', bad),
      () => headers.setdefault('n', bad),
      () => headers.addHeader('n', bad),
      () => headers.addHeader('n', null, { x: bad }),
    ];
    for (const adds of inNames) expect(adds).toThrow(ApplicationError);
    expect(headers.size).toBe(0);
    for (const adds of inValues) {
      if (unit === 9) expect(adds).not.toThrow();
      else expect(adds).toThrow(ApplicationError);
    }
    if (unit !== 9) expect(headers.size).toBe(0);
  });

  test('setdefault refuses also where the name is there already', () => {
    const headers = new Headers([['n', 'v']]);
    expect(() => headers.setdefault('n', 'a\nb')).toThrow(ApplicationError);
  });

  test('a refused set leaves what was there', () => {
    const headers = new Headers([['n', 'v']]);
    expect(() => headers.set('n', 'a\nb')).toThrow(ApplicationError);
    expect(headers.get('n')).toBe('v');
  });
});

/** What Headers promises, in the plainest words. */
class Model {
  list: HeaderField[] = [];

  all(name: string): string[] {
    return this.list.filter((field) => field[0].toLowerCase() === name.toLowerCase()).map((field) => field[1]);
  }

  delete(name: string): void {
    this.list = this.list.filter((field) => field[0].toLowerCase() !== name.toLowerCase());
  }
}

test('U-10 to U-17 any sequence of operations agrees with the model', () => {
  const name = fc.constantFrom('Foo', 'foo', 'FOO', 'Bar', 'bar', 'Set-Cookie');
  const operation = fc.record({
    kind: fc.constantFrom('set', 'append', 'delete', 'setdefault'),
    name,
    value: fc.constantFrom('', '1', '2', 'x y'),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
      const list: HeaderField[] = [];
      const headers = new Headers(list);
      const model = new Model();
      for (const { kind, name, value } of operations) {
        if (kind === 'set') {
          headers.set(name, value);
          model.delete(name);
          model.list.push([name, value]);
        } else if (kind === 'append') {
          headers.append(name, value);
          model.list.push([name, value]);
        } else if (kind === 'delete') {
          headers.delete(name);
          model.delete(name);
        } else {
          const [first] = model.all(name);
          if (first === undefined) model.list.push([name, value]);
          expect(headers.setdefault(name, value)).toBe(first ?? value);
        }
        expect(list).toEqual(model.list);
        expect(headers.getAll(name)).toEqual(model.all(name));
        expect(headers.get(name)).toBe(model.all(name)[0] ?? null);
        expect(headers.has(name)).toBe(model.all(name).length > 0);
        expect(headers.size).toBe(model.list.length);
      }
    }),
  );
});
