import { closest, distance } from 'fastest-levenshtein';

/** `; did you mean "politeness"?` for the most similar candidate; empty if none is similar. */
export function suggestion(word: string, candidates: readonly string[]): string {
  if (candidates.length === 0) {
    return '';
  }
  const folded = new Map(candidates.map((candidate) => [candidate.toLowerCase(), candidate]));
  const near = closest(word.toLowerCase(), [...folded.keys()]);
  // Two swapped letters count as two edits; more than that is another word.
  const isNear = distance(word.toLowerCase(), near) <= Math.max(1, Math.floor(word.length * 0.4));
  return isNear ? `; did you mean "${folded.get(near)}"?` : '';
}
