/** Of patterns with more characters or wildcards only the beginning counts. */
const MAX_LENGTH = 2_000;
const MAX_WILDCARDS = 50;

/**
 * The pattern of one rule (RFC 9309, 2.2.3): a prefix of a path, in which `*` stands for anything
 * and a `$` at the end for the end of the path.
 */
export class RobotsPattern {
  readonly isAllow: boolean;
  /** It was too long, so it matches more than its author meant. */
  readonly isCut: boolean;
  /** The longest pattern that matches decides. */
  readonly length: number;
  /** What stands between the wildcards. */
  readonly #pieces: readonly string[];
  readonly #isWhole: boolean;

  constructor(text: string, isAllow: boolean) {
    // A `$` before the end is a plain character.
    const pattern = normaliseEncoding(text.slice(0, MAX_LENGTH))
      .replaceAll(/\*+/g, '*')
      .replaceAll(/\$(?=.)/g, '%24');
    const pieces = pattern.split('*');
    this.isCut = text.length > MAX_LENGTH || pieces.length > MAX_WILDCARDS + 1;
    this.isAllow = isAllow;
    this.length = pattern.length;
    this.#isWhole = !this.isCut && pattern.endsWith('$');
    this.#pieces = this.#isWhole
      ? [...pieces.slice(0, -1), (pieces.at(-1) ?? '').slice(0, -1)]
      : pieces.slice(0, MAX_WILDCARDS + 1);
  }

  /**
   * The first piece has to be where the path begins, each other one as early as it can be: nothing
   * is tried twice.
   *
   * @param path as `normalisePath` gives it
   */
  matches(path: string): boolean {
    const pieces = this.#pieces;
    const [first = ''] = pieces;
    if (!path.startsWith(first)) {
      return false;
    }
    let at = first.length;
    const last = pieces.length - 1;
    for (let i = 1; i < (this.#isWhole ? last : pieces.length); i++) {
      const piece = pieces[i] ?? '';
      const found = path.indexOf(piece, at);
      if (found === -1) {
        return false;
      }
      at = found + piece.length;
    }
    if (!this.#isWhole) {
      return true;
    }
    const end = pieces[last] ?? '';
    return last === 0 ? path.length === at : path.length - end.length >= at && path.endsWith(end);
  }
}

/** The longest first, and of two of the same length the one that allows (RFC 9309, 2.2.2). */
export function comparePatterns(a: RobotsPattern, b: RobotsPattern): number {
  return b.length - a.length || Number(b.isAllow) - Number(a.isAllow);
}

/** `*` and `$` are special only in rules; in a URL they are plain characters. */
export function normalisePath(path: string): string {
  return normaliseEncoding(path).replaceAll('*', '%2A').replaceAll('$', '%24');
}

/**
 * One spelling per octet: unreserved octets are decoded, non-ASCII is encoded (RFC 9309, 2.2.2).
 */
function normaliseEncoding(path: string): string {
  // `encodeURI` encodes the `%` of existing escapes again.
  const encoded = encodeURI(path.toWellFormed()).replaceAll('%25', '%');
  return encoded.replace(/%[0-9a-f]{2}/gi, (octet) => {
    const character = String.fromCharCode(Number.parseInt(octet.slice(1), 16));
    return /[a-z0-9\-._~]/i.test(character) ? character : octet.toUpperCase();
  });
}
