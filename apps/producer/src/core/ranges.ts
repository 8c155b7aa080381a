import type { Problems } from './errors.ts';

/** From one number to another, both included. */
type Range = readonly [from: number, to: number];

/** Numbers as they are typed: `404`, `500-599`, `3,17,40-60`. */
export class Ranges {
  readonly #ranges: readonly Range[];

  constructor(ranges: readonly Range[]) {
    this.#ranges = ranges;
  }

  has(value: number): boolean {
    return this.#ranges.some(([from, to]) => from <= value && value <= to);
  }

  /** Each number below `end` once, in order. */
  *below(end: number): Generator<number> {
    let next = 0;
    for (const [from, to] of this.#ranges.toSorted(([a], [b]) => a - b)) {
      for (next = Math.max(next, from); next <= to && next < end; next += 1) {
        yield next;
      }
    }
  }
}

/**
 * The numbers of an option that is given several times, or once with commas.
 *
 * @returns undefined without any
 */
export function readRanges(
  flag: string,
  texts: readonly string[],
  { max, problems }: { readonly max: number; readonly problems: Problems },
): Ranges | undefined {
  const parts = texts.flatMap((text) => text.split(',')).map((part) => part.trim());
  const ranges = parts.flatMap((part): Range[] => {
    const [, first = '', last = first] = /^(\d{1,10})(?:-(\d{1,10}))?$/u.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first !== '' && from <= to && to <= max) {
      return [[from, to]];
    }
    problems.add(`${flag}: "${part}" is no number or range from 0 to ${max.toLocaleString('en')}`);
    return [];
  });
  return ranges.length === 0 ? undefined : new Ranges(ranges);
}
