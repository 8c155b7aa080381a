/** Random numbers that a seed decides: the same on every machine and with every Node. */
export interface Random {
  /** From 0 to 1, without 1. */
  next(): number;
  /** A whole number, both ends included. */
  between(from: number, to: number): number;
  pick<T>(values: readonly T[]): T;
  /** One of the values, each as likely as its weight is large. */
  weighted<T extends { readonly weight: number }>(values: readonly T[]): T;
}

/** Mulberry32. A library might give other numbers for a seed in its next version. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const pick = <T>(values: readonly T[]): T => {
    const value = values[Math.floor(next() * values.length)];
    if (value === undefined) {
      throw new Error('there is nothing to pick from');
    }
    return value;
  };
  return {
    next,
    between: (from, to) => from + Math.floor(next() * (to - from + 1)),
    pick,
    weighted: (values) => {
      let left = next() * values.reduce((sum, { weight }) => sum + weight, 0);
      return values.find(({ weight }) => (left -= weight) < 0) ?? pick(values);
    },
  };
}
