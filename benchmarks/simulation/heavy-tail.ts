/**
 * Fetches of each origin by Zipf's law: the origin of rank k has a share that is proportional to
 * k^-exponent. Every origin has at least one, and the sum is exact.
 *
 * @param origins number of origins, at least 1
 * @param fetches number of fetches, at least one for each origin
 * @param exponent 1 is the classic law; 0 gives all origins the same
 * @param most fetches of one origin; what the largest would have beyond goes to the others.
 *   @default no bound
 * @throws RangeError if the fetches are too few or too many
 */
export function heavyTail(
  origins: number,
  fetches: number,
  exponent: number,
  most = Infinity,
): Int32Array {
  if (fetches < origins || fetches > origins * most) {
    throw new RangeError(
      `${fetches} fetches for ${origins} origins: each has at least 1 and at most ${most}`,
    );
  }
  // One for each origin is given in advance; the rest follows the law.
  const shared = fetches - origins;
  const { full, perWeight } = boundOf(origins, shared, exponent, most - 1);
  const counts = new Int32Array(origins);
  let [exact, given] = [0, 0];
  for (let rank = 1; rank <= origins; rank++) {
    exact += rank <= full ? most - 1 : perWeight * rank ** -exponent;
    // Rounding the running sum instead of every share keeps the total exact.
    const upTo = rank === origins ? shared : Math.round(exact);
    counts[rank - 1] = 1 + upTo - given;
    given = upTo;
  }
  return counts;
}

/** How many of the first origins have the most, and what the others have for each weight. */
function boundOf(
  origins: number,
  shared: number,
  exponent: number,
  most: number,
): { readonly full: number; readonly perWeight: number } {
  let weights = 0;
  for (let rank = 1; rank <= origins; rank++) {
    weights += rank ** -exponent;
  }
  let [full, left] = [0, shared];
  while (full < origins && (left / weights) * (full + 1) ** -exponent > most) {
    full += 1;
    left -= most;
    weights -= full ** -exponent;
  }
  return { full, perWeight: left / weights };
}
