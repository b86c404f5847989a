/** Response bytes that are lent to the host, in place of copied. */
import { describe, expect, it } from 'vitest';
import { Driver, GET } from './connection-driver.ts';

const LARGE = 'x'.repeat(20_000);

/** A connection with requests, and what becomes of the bytes that are lent. */
function setUp(requests = 1) {
  const driver = new Driver();
  driver.feed(GET.repeat(requests));
  const freed: string[] = [];
  return { driver, freed, free: (name: string) => () => freed.push(name) };
}

describe('lent bytes', () => {
  it('go out behind the head, and are free when the system has taken them', () => {
    const { driver, freed, free } = setUp();
    driver.takesAtOnce = false;
    driver.last.start(LARGE.length, '', 0, true);
    expect(driver.last.lend(LARGE, free('body'))).toBe(true);
    driver.last.end();
    driver.last.done();
    expect(driver.take()).toBe(`HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n${LARGE}`);
    expect(freed).toEqual([]);
    for (const each of driver.lent) each();
    expect(freed).toEqual(['body']);
  });

  it('are framed as chunks where the length is not known', () => {
    const { driver, freed, free } = setUp();
    driver.last.start();
    driver.last.lend(LARGE, free('chunk'));
    driver.last.end();
    expect(driver.take()).toMatch(/\r\n\r\n4e20\r\nx{20000}\r\n0\r\n\r\n$/);
    expect(freed).toEqual(['chunk']);
  });

  it('are not lent but copied where they are few', () => {
    const { driver, freed, free } = setUp();
    driver.takesAtOnce = false;
    driver.last.start();
    driver.last.lend('few', free('few'));
    expect([freed, driver.lent]).toEqual([['few'], []]);
    expect(driver.take()).toMatch(/3\r\nfew\r\n$/);
  });

  it('are copied where another response goes first', () => {
    const { driver, freed, free } = setUp(2);
    driver.takesAtOnce = false;
    const [first, second] = driver.requests;
    second.start(LARGE.length);
    second.lend(LARGE, free('second'));
    expect([freed, driver.lent]).toEqual([['second'], []]);
    first.answer();
    second.end();
    expect(driver.take()).toContain(LARGE);
  });

  it('are free at once where the client has gone', () => {
    const { driver, freed, free } = setUp();
    driver.last.start();
    driver.connection.closed();
    driver.last.lend(LARGE, free('late'));
    expect(freed).toEqual(['late']);
  });

  it('ask for no more before others have had their turn, nor while the system is behind', () => {
    const { driver, free } = setUp();
    driver.last.start();
    const piece = 'y'.repeat(262_144);
    expect([1, 2, 3, 4].map(() => driver.last.lend(piece, free('')))).toEqual([true, true, true, false]);
    expect(driver.last.drains).toBe(0);
    driver.turn();
    expect(driver.last.drains).toBe(1);
    driver.writable = false;
    expect(driver.last.lend(piece, free(''))).toBe(false);
    driver.turn();
    expect(driver.last.drains).toBe(1);
    driver.connection.drained();
    expect(driver.last.drains).toBe(2);
  });
});
