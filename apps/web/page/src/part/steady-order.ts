/**
 * Rows in the order in which they come; while `isHeld`, each keeps the place that it had, and new
 * ones come last: nothing moves under the pointer.
 *
 * @param places of the call before, by key; they are changed
 */
export function inSteadyOrder<T>(
  rows: readonly T[],
  {
    keyOf,
    places,
    isHeld,
  }: {
    readonly keyOf: (row: T) => string;
    readonly places: Map<string, number>;
    readonly isHeld: boolean;
  },
): readonly T[] {
  if (!isHeld) {
    places.clear();
  }
  for (const row of rows) {
    const key = keyOf(row);
    if (!places.has(key)) {
      places.set(key, places.size);
    }
  }
  const placeOf = (row: T): number => places.get(keyOf(row)) ?? 0;
  return rows.toSorted((one, other) => placeOf(one) - placeOf(other));
}
