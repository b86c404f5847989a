/** What is installed runs on the oldest Node that the package promises. */
import { expect, it } from 'vitest';
import { read } from './sources.ts';

/**
 * Whether a range such as `^18.19.0 || >=20.6.0` has a version; ranges with upper ends other than these are not used.
 */
function has(range: string, [major, minor]: readonly [number, number]): boolean {
  return range.split('||').some((part) => {
    const [, sign, first, second = '0'] = /^\s*(>=|\^|)\s*(\d+)?(?:\.(\d+))?[\d.x*]*\s*$/.exec(part) ?? [];
    if (sign === undefined) return false;
    if (first === undefined) return true; // '*'
    const isAfter = major > Number(first) || (major === Number(first) && minor >= Number(second));
    return sign === '>=' ? isAfter : isAfter && major === Number(first);
  });
}

it('reads ranges of versions', () => {
  const ranges = ['>=20', '>= 6.0.0', '^20.19.0 || >=22.12.0', '20 || >=22', '10.* || >= 12.*', '*'];
  expect(ranges.map((range) => has(range, [20, 19]))).toEqual(ranges.map(() => true));
  expect(['>=22', '>=20.20', '^18.0.0', '10.*'].filter((range) => has(range, [20, 19]))).toEqual([]);
});

it('every package in the lock takes Node 20.19', () => {
  const { packages }: { packages: Record<string, { engines?: { node?: string } }> } = JSON.parse(
    read('package-lock.json'),
  );
  const others = Object.entries(packages).filter(([, { engines }]) => !has(engines?.node ?? '*', [20, 19]));
  expect(others.map(([name, { engines }]) => `${name}: ${engines?.node}`)).toEqual([]);
});
