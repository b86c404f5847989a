// Welch's test: whether two sets of samples have the same mean, while each may have a spread of its own.

/**
 * @param {number[]} before at least two
 * @param {number[]} after at least two
 * @returns {{ change: number, variance: number, chanceWith: (more: number) => number }} the difference of the means,
 *   its variance, and the chance of one as great as that where there is none, with more variance from elsewhere
 */
export function welch(before, after) {
  const [first, second] = [before, after].map(momentsOf);
  const change = second.mean - first.mean;
  const variance = first.variance + second.variance;
  const chanceWith = (more) => {
    if (change === 0) return 1;
    const all = variance + more;
    if (all === 0) return 0;
    // Welch and Satterthwaite; rounded down, which makes a difference harder to find. Variance from elsewhere brings no
    // more of them than the samples have.
    const freedom = all ** 2 / (first.variance ** 2 / (first.count - 1) + second.variance ** 2 / (second.count - 1));
    const most = first.count + second.count - 2;
    return studentTail(Math.abs(change) / Math.sqrt(all), Math.max(1, Math.floor(Math.min(freedom, most))));
  };
  return { change, variance, chanceWith };
}

function momentsOf(values) {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { count, mean, variance: squares / (count - 1) / count };
}

/**
 * The chance that Student's t lies outside of -t to t: the sums of Abramowitz and Stegun, 26.7.3 and 26.7.4.
 *
 * @param {number} t 0 or more
 * @param {number} freedom degrees, a whole number from 1 on
 */
export function studentTail(t, freedom) {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const odd = freedom % 2;
  let sum = 0;
  let term = odd ? cosine : 1;
  for (let power = odd; power <= freedom - 2; power += 2) {
    sum += term;
    term *= (cosine ** 2 * (power + 1)) / (power + 2);
  }
  const inside = odd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
  return Math.max(0, 1 - inside);
}
