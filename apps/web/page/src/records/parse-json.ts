/** A number that a browser would print in another way: it is shown as it was sent. */
export class SentNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/**
 * What such a number begins with: more digits than always survive, an exponent, zeros at its end, a
 * small fraction, which gets an exponent, or -0. Times in texts do not look so.
 */
const UNUSUAL =
  /(?:^|[[,\s]|["\s]:)(?:-0(?!\.)|-?(?:\d[\d.]{15}|\d[\d.]*e|\d+\.\d*0(?!\d)|0\.0{6}))/i;

interface Source {
  /** The number in the text. Older browsers have none. */
  readonly source?: string;
}

/**
 * Undefined where the browser cannot hold it, such as very deep ones: it is shown as text. Numbers
 * stay as they were sent.
 */
export function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    // Looking at each value takes several times as long.
    return { value: UNUSUAL.test(text) ? JSON.parse(text, kept) : JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function kept(_key: string, value: unknown, { source }: Source = {}): unknown {
  const isOther = typeof value === 'number' && source !== undefined && String(value) !== source;
  return isOther ? new SentNumber(source) : value;
}
