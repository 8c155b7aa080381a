/**
 * A number in [0, 1) that depends only on the arguments: the third request for Kenya has the same
 * result in every run, whatever else is requested. So a run with faults can be repeated.
 *
 * @param seed of the country; see `seedOf`
 * @param count number of earlier draws
 * @param purpose keeps the draws for errors, throttles and jitter independent of each other
 */
export function chance(seed: number, count: number, purpose: number): number {
  let mixed = (seed ^ Math.imul(count + 1, 0x9e3779b1) ^ Math.imul(purpose, 0x85ebca6b)) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
}

/** The FNV-1a hash of a text. */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}
