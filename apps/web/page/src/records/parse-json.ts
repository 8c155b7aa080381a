/** A number that loses digits when it is read: it is shown as it was sent. */
export class LongNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** As many digits as always survive. */
const SAFE_DIGITS = 15;
const LONG = /\d[\d.]{15}/;

interface Source {
  /** The number in the text. Older browsers have none. */
  readonly source?: string;
}

/**
 * Undefined where the browser cannot hold it, such as very deep ones: it is shown as text. Numbers
 * keep their digits.
 */
export function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    // Looking at each value takes several times as long.
    return { value: LONG.test(text) ? JSON.parse(text, kept) : JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function kept(_key: string, value: unknown, { source }: Source = {}): unknown {
  const isLong = typeof value === 'number' && source !== undefined && source.length > SAFE_DIGITS;
  return isLong && String(value) !== source ? new LongNumber(source) : value;
}
