/** Something of a ZSET that is scored by time. */
export interface Scored {
  readonly name: string;
  /** As Redis writes a score: a number that somebody else has set may be without a bound. */
  readonly score: string;
}

/** What a ZSET answers WITHSCORES. */
export function scoredIn(flat: readonly string[]): Scored[] {
  return flat.flatMap((name, at) => (at % 2 === 0 ? [{ name, score: flat[at + 1] ?? '' }] : []));
}

/** As `ZREVRANGE` sorts those of one ZSET: of equal scores, the names backwards. */
export function newestFirst<T extends Scored>(lists: readonly (readonly T[])[]): T[] {
  return lists
    .flat()
    .toSorted((a, b) =>
      a.score === b.score ? (a.name < b.name ? 1 : -1) : isOlder(a, b) ? 1 : -1,
    );
}

function isOlder(one: Scored, other: Scored): boolean {
  return valueOf(one) < valueOf(other);
}

function valueOf({ score }: Scored): number {
  return Number(score.replace('inf', 'Infinity'));
}
