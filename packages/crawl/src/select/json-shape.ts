const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const LOWER_E = 0x65;

/** Every integer with so many digits is exact. */
const EXACT_DIGITS = 15;

/** What has to be known of a JSON text before it is read. */
export interface JsonShape {
  /** Levels of objects and arrays. */
  readonly depth: number;
  /** Whether every number reads the same after `JSON.parse` and `JSON.stringify`. */
  readonly isExact: boolean;
}

/** One pass over a text. For what is not JSON the answer is arbitrary. */
export function jsonShapeOf(text: string): JsonShape {
  let level = 0;
  let depth = 0;
  let isExact = true;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      at = endOfString(text, at);
    } else if (unit === OPEN_OBJECT || unit === OPEN_ARRAY) {
      level += 1;
      depth = Math.max(depth, level);
    } else if (unit === CLOSE_OBJECT || unit === CLOSE_ARRAY) {
      level -= 1;
    } else if (unit === MINUS || isDigit(unit)) {
      const end = endOfNumber(text, at);
      isExact &&= isExactNumber(text, at, end);
      at = end - 1;
    }
  }
  return { depth, isExact };
}

/** The place of the closing quote; the end of the text if there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let first = end;
    while (text.charCodeAt(first - 1) === BACKSLASH) {
      first -= 1;
    }
    const isEscaped = (end - first) % 2 === 1;
    if (!isEscaped) {
      return end;
    }
  }
  return text.length;
}

function endOfNumber(text: string, start: number): number {
  let end = start + 1;
  for (let unit = text.charCodeAt(end); isNumberUnit(unit); unit = text.charCodeAt(end)) {
    end += 1;
  }
  return end;
}

function isNumberUnit(unit: number): boolean {
  const isSignOrPoint = unit > COMMA && unit < ZERO - 1;
  return isDigit(unit) || isSignOrPoint || unit === 0x2b || (unit | 0x20) === LOWER_E;
}

function isExactNumber(text: string, start: number, end: number): boolean {
  let digits = start;
  while (isDigit(text.charCodeAt(digits))) {
    digits += 1;
  }
  if (digits === end && end - start <= EXACT_DIGITS) {
    return true;
  }
  const written = text.slice(start, end);
  return String(Number(written)) === written;
}

function isDigit(unit: number): boolean {
  return unit >= ZERO && unit <= NINE;
}
