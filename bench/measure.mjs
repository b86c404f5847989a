// What every suite shares: rounds in turn, medians, ratios, and a table.

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Runs every candidate once a round, in turn, so that a machine that drifts drifts for all of them.
 *
 * @template T
 * @param {string[]} names
 * @param {number} rounds
 * @param {(name: string, round: number) => Promise<T>} once
 * @returns {Promise<Map<string, T[]>>}
 */
export async function interleave(names, rounds, once) {
  const results = new Map(names.map((name) => [name, /** @type {T[]} */ ([])]));
  for (let round = 0; round < rounds; round++) {
    // Every other round backwards: nobody always runs after the same neighbour.
    const order = round % 2 === 0 ? names : [...names].reverse();
    for (const name of order) results.get(name)?.push(await once(name, round));
  }
  return results;
}

/** @param {string[]} heads @param {(string | number)[][]} rows */
export function table(heads, rows) {
  const cells = [heads, ...rows].map((row) => row.map(String));
  const widths = heads.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(cells[0]), rule, ...cells.slice(1).map(line)].join('\n');
}
