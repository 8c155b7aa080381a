import { xoroshiro128plus } from 'pure-rand/generator/XoroShiro';

/** Random numbers that a seed determines. */
export class Random {
  readonly #generator;

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }

  /** From 0 to 1, without 1. */
  uniform(): number {
    return (this.#generator.unsafeNext() >>> 0) / 2 ** 32;
  }

  /** A whole number from 0, below `limit`. */
  below(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.uniform());
  }

  /** @param sigma standard deviation of the logarithm; 0 always gives the median */
  logNormal(median: number, sigma: number): number {
    const [u, v] = [1 - this.uniform(), this.uniform()];
    return median * Math.exp(sigma * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v));
  }

  shuffle(values: Int32Array): Int32Array {
    for (let at = values.length - 1; at > 0; at--) {
      const other = this.below(at + 1);
      [values[at], values[other]] = [values[other] ?? 0, values[at] ?? 0];
    }
    return values;
  }
}
