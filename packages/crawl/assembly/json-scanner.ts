/**
 * Checks whether bytes are JSON (RFC 8259), in AssemblyScript: WebAssembly looks at sixteen bytes
 * of a text at once, and takes 40 % of the time of a scanner in JavaScript. `npm run assembly`
 * compiles it into `src/record/json-scanner-wasm.ts`.
 *
 *     memory   0 state, depth, rest, isKey | 16 levels, a byte each | 16384 input … sentinel
 *
 * The input comes in steps, and may be cut anywhere: the state is all that the next step needs. It
 * is a machine that reads one byte after the other; only texts, spaces and digits are skipped.
 *
 *     value ─▶ text, word or number ─▶ after ─ `}` or `]` ─▶ after
 *      ▲ ▲ ▲                             └─ `,` ─▶ value, or key in an object
 *      │ │ └─ first item ◀─ `[`
 *      │ └─ colon ◀─ text ◀─ key ◀─ first key ◀─ `{`
 *      └─ `:`
 */

/** Deeper bodies are not embedded: programs that read records give up long before that. */
const MAX_DEPTH: u32 = 10_000;
const LEVELS: usize = 16;
const INPUT: usize = 16_384;

/** Between tokens, where white space may come first. */
const VALUE: u32 = 0;
const AFTER: u32 = 1;
const COLON: u32 = 2;
const KEY: u32 = 3;
const FIRST_KEY: u32 = 4;
const FIRST_ITEM: u32 = 5;
/** Inside of one. */
const TEXT: u32 = 6;
const ESCAPE: u32 = 7;
const HEX: u32 = 8;
const WORD: u32 = 9;
const MINUS: u32 = 10;
const DOT: u32 = 11;
const E: u32 = 12;
const SIGN: u32 = 13;
/** In a number that may end here. */
const ZERO: u32 = 14;
const WHOLE: u32 = 15;
const FRACTION: u32 = 16;
const EXPONENT: u32 = 17;
const INVALID: u32 = 18;

/** Of `\u`: how many digits follow. Of a word: the letters, the next one in the lowest byte. */
let rest: u32 = 0;
let hasBreaks: bool = false;

/**
 * Reads the next bytes of the input, and makes line breaks between tokens spaces. It is one long
 * function, because functions that share their state through globals take 40 % longer.
 *
 * @returns 0: no mistake so far; 1: neither, and there were line breaks; -1: this is not JSON
 */
export function scan(length: usize): i32 {
  const end = INPUT + length;
  // No token has this byte, so nothing is skipped beyond the end.
  store<u8>(end, 0);
  let at = INPUT;
  let state = load<u32>(0);
  let depth: usize = load<u32>(4);
  let isKey = load<u32>(12) != 0;
  rest = load<u32>(8);
  hasBreaks = false;
  while (at < end) {
    let byte: u32 = load<u8>(at);
    if (state <= FIRST_ITEM) {
      if (byte <= 0x20) {
        at = spaceEnd(at);
        if (at == end) {
          break;
        }
        byte = load<u8>(at);
      }
      at += 1;
      switch (state) {
        case AFTER: {
          if (depth == 0) {
            return -1;
          }
          const isObject = load<u8>(LEVELS + depth) != 0;
          if (byte == 0x2c) {
            state = isObject ? KEY : VALUE;
          } else if (byte == u32(isObject ? 0x7d : 0x5d)) {
            depth -= 1;
          } else {
            return -1;
          }
          continue;
        }
        case COLON:
          if (byte != 0x3a) {
            return -1;
          }
          state = VALUE;
          continue;
        case FIRST_KEY:
          if (byte == 0x7d) {
            depth -= 1;
            state = AFTER;
            continue;
          }
        // falls through
        case KEY:
          if (byte != 0x22) {
            return -1;
          }
          isKey = true;
          state = TEXT;
          break;
        case FIRST_ITEM:
          if (byte == 0x5d) {
            depth -= 1;
            state = AFTER;
            continue;
          }
        // falls through
        default:
          if (byte == 0x22) {
            isKey = false;
            state = TEXT;
          } else if (byte == 0x7b || byte == 0x5b) {
            if (depth == MAX_DEPTH) {
              return -1;
            }
            depth += 1;
            store<u8>(LEVELS + depth, u8(byte == 0x7b));
            state = byte == 0x7b ? FIRST_KEY : FIRST_ITEM;
            continue;
          } else {
            state = startOfScalar(byte);
            if (state == INVALID) {
              return -1;
            }
          }
      }
    }
    if (state == TEXT) {
      at = plainTextEnd(at);
      byte = load<u8>(at);
      if (byte == 0x22) {
        state = isKey ? COLON : AFTER;
      } else if (byte == 0x5c) {
        state = ESCAPE;
      } else if (at == end) {
        break;
      } else {
        return -1;
      }
      at += 1;
      continue;
    }
    if (state < ZERO) {
      if (at == end) {
        break;
      }
      state = insideToken(state, load<u8>(at));
      at += 1;
    } else {
      if (state != ZERO) {
        at = digitsEnd(at);
      }
      if (at == end) {
        break;
      }
      state = behindDigits(state, load<u8>(at));
      if (state != AFTER) {
        at += 1;
      }
    }
    if (state == INVALID) {
      return -1;
    }
  }
  store<u32>(0, state);
  store<u32>(4, u32(depth));
  store<u32>(8, rest);
  store<u32>(12, u32(isKey));
  return i32(hasBreaks);
}

/** Whether what was read is one whole value. */
export function isWhole(): bool {
  const state = load<u32>(0);
  return load<u32>(4) == 0 && (state == AFTER || (state >= ZERO && state < INVALID));
}

function startOfScalar(byte: u32): u32 {
  if (byte - 0x31 < 9) {
    return WHOLE;
  }
  if (byte == 0x30) {
    return ZERO;
  }
  if (byte == 0x2d) {
    return MINUS;
  }
  // "rue", "alse" and "ull".
  rest = byte == 0x74 ? 0x657572 : byte == 0x66 ? 0x65736c61 : 0x6c6c75;
  return byte == 0x74 || byte == 0x66 || byte == 0x6e ? WORD : INVALID;
}

/** Escapes, words, and those places in a number where it cannot end. */
function insideToken(state: u32, byte: u32): u32 {
  switch (state) {
    case ESCAPE:
      return insideEscape(byte);
    case HEX:
      rest -= 1;
      return !isHex(byte) ? INVALID : rest == 0 ? TEXT : HEX;
    case WORD: {
      const isNext = byte == (rest & 0xff);
      rest >>= 8;
      return !isNext ? INVALID : rest == 0 ? AFTER : WORD;
    }
    case MINUS:
      return byte == 0x30 ? ZERO : isDigit(byte) ? WHOLE : INVALID;
    case DOT:
      return isDigit(byte) ? FRACTION : INVALID;
    case E:
      return byte == 0x2b || byte == 0x2d ? SIGN : isDigit(byte) ? EXPONENT : INVALID;
    case SIGN:
      return isDigit(byte) ? EXPONENT : INVALID;
    default:
      return INVALID;
  }
}

function insideEscape(byte: u32): u32 {
  switch (byte) {
    case 0x75:
      rest = 4;
      return HEX;
    case 0x22:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return TEXT;
    default:
      return INVALID;
  }
}

/** `AFTER`: the byte is not part of the number any more. */
function behindDigits(state: u32, byte: u32): u32 {
  if (byte == 0x2e && state <= WHOLE) {
    return DOT;
  }
  return (byte | 0x20) == 0x65 && state != EXPONENT ? E : AFTER;
}

function isDigit(byte: u32): bool {
  return byte - 0x30 < 10;
}

function isHex(byte: u32): bool {
  return isDigit(byte) || (byte | 0x20) - 0x61 < 6;
}

function digitsEnd(from: usize): usize {
  let at = from;
  while (isDigit(load<u8>(at))) {
    at += 1;
  }
  return at;
}

function spaceEnd(from: usize): usize {
  let at = from;
  for (let byte: u32 = load<u8>(at); byte <= 0x20; byte = load<u8>(at)) {
    if (byte == 0x0a || byte == 0x0d) {
      hasBreaks = true;
      store<u8>(at, 0x20);
    } else if (byte != 0x20 && byte != 0x09) {
      break;
    }
    at += 1;
  }
  return at;
}

/** The next quote, backslash or control character. */
function plainTextEnd(from: usize): usize {
  let at = from;
  let ends = textEnds(at);
  while (ends == 0) {
    at += 16;
    ends = textEnds(at);
  }
  return at + ctz(ends);
}

/** A bit for each of the next sixteen bytes. */
function textEnds(at: usize): u32 {
  const bytes = v128.load(at);
  const isQuote = i8x16.eq(bytes, i8x16.splat(0x22));
  const isBackslash = i8x16.eq(bytes, i8x16.splat(0x5c));
  const isControl = i8x16.lt_u(bytes, i8x16.splat(0x20));
  return i8x16.bitmask(v128.or(v128.or(isQuote, isBackslash), isControl));
}
