/**
 * Checks whether bytes are JSON (RFC 8259), in AssemblyScript: WebAssembly looks at sixteen bytes
 * of a text at once, and takes a quarter of the time of a scanner in JavaScript. `npm run assembly`
 * compiles it into `src/record/json-scanner-wasm.ts`.
 *
 *     memory   0 state, depth, rest, isKey | 16 levels, a byte each | 16384 input … sentinel
 *
 * The input comes in steps, and may be cut anywhere: the state is all that the next step needs. It
 * is a machine that reads one byte after the other; only texts, spaces and digits are skipped. Keys
 * and values that are whole, which is nearly everything, are read by `readMembers` instead.
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

/** The place in the input, and what is expected there. */
let at: usize = INPUT;
let state: u32 = VALUE;
/** How many objects and lists are open. `LEVELS` has the byte that ends each. */
let depth: usize = 0;
/** Whether the text is a key. */
let isKey: bool = false;
/** Of `\u`: how many digits follow. Of a word: the letters, the next one in the lowest byte. */
let rest: u32 = 0;
let hasBreaks: bool = false;

/**
 * Reads the next bytes of the input, and makes line breaks between tokens spaces.
 *
 * @returns 0: no mistake so far; 1: neither, and there were line breaks; -1: this is not JSON
 */
export function scan(length: usize): i32 {
  const end = INPUT + length;
  // No token has this byte, so nothing is skipped beyond the end.
  store<u8>(end, 0);
  at = INPUT;
  state = load<u32>(0);
  depth = load<u32>(4);
  rest = load<u32>(8);
  isKey = load<u32>(12) != 0;
  hasBreaks = false;
  while (at < end) {
    if (state == KEY || state == VALUE) {
      readMembers();
    }
    at = behindPlain(at);
    if (at == end) {
      break;
    }
    readByte(load<u8>(at));
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

/**
 * Reads keys and values while each is whole, and stops in front of anything else, or inside of it.
 * One long function without globals, because they take 40 % longer.
 */
function readMembers(): void {
  let here = at;
  let next = state;
  let level = depth;
  let closer = closerOf(level);
  while (next == KEY || next == VALUE) {
    here = spaceEnd(here);
    if (next == KEY) {
      if (load<u8>(here) != 0x22) {
        break;
      }
      here = plainTextEnd(here + 1);
      if (load<u16>(here) != 0x3a22) {
        here = textEnd(here);
      }
      if (load<u16>(here) != 0x3a22) {
        next = TEXT;
        isKey = true;
        break;
      }
      here = spaceEnd(here + 2);
      next = VALUE;
    }
    let byte: u32 = load<u8>(here);
    if (byte == 0x22) {
      here = plainTextEnd(here + 1);
      if (load<u8>(here) != 0x22) {
        here = textEnd(here);
      }
      if (load<u8>(here) != 0x22) {
        next = TEXT;
        isKey = false;
        break;
      }
      here += 1;
    } else if (byte - 0x31 < 9) {
      here = digitsEnd(here + 1);
      next = WHOLE;
      if (load<u8>(here) == 0x2e && isDigit(load<u8>(here + 1))) {
        here = digitsEnd(here + 1);
        next = FRACTION;
      }
      byte = load<u8>(here);
      if (byte != 0x2c && byte != closer) {
        break;
      }
    } else if ((byte == 0x7b || byte == 0x5b) && level < MAX_DEPTH) {
      level += 1;
      closer = closerFor(byte);
      store<u8>(LEVELS + level, u8(closer));
      here = spaceEnd(here + 1);
      byte = load<u8>(here);
      if (closer == 0x7d) {
        next = byte == 0x22 ? KEY : FIRST_KEY;
      } else {
        next = byte < 0x20 || byte == 0x5d ? FIRST_ITEM : VALUE;
      }
      continue;
    } else {
      break;
    }
    next = AFTER;
    here = spaceEnd(here);
    while (load<u8>(here) == closer) {
      level -= 1;
      closer = closerOf(level);
      here = spaceEnd(here + 1);
    }
    if (load<u8>(here) == 0x2c && level > 0) {
      here += 1;
      next = closer == 0x7d ? KEY : VALUE;
    }
  }
  at = here;
  state = next;
  depth = level;
}

/** The next byte that changes the state. */
function behindPlain(from: usize): usize {
  if (state <= FIRST_ITEM) {
    return spaceEnd(from);
  }
  if (state == TEXT) {
    return plainTextEnd(from);
  }
  return state > ZERO ? digitsEnd(from) : from;
}

/** One step of the machine. */
function readByte(byte: u32): void {
  if (state >= ZERO) {
    state = behindDigits(byte);
    // What ends a number is not part of it.
    at += state == AFTER ? 0 : 1;
    return;
  }
  at += 1;
  state = state <= FIRST_ITEM ? betweenTokens(byte) : insideToken(byte);
}

function betweenTokens(byte: u32): u32 {
  const closer = closerOf(depth);
  const mayEnd = state == AFTER || state == FIRST_KEY || state == FIRST_ITEM;
  if (mayEnd && byte == closer) {
    depth -= 1;
    return AFTER;
  }
  switch (state) {
    case AFTER:
      return byte != 0x2c || depth == 0 ? INVALID : closer == 0x7d ? KEY : VALUE;
    case COLON:
      return byte == 0x3a ? VALUE : INVALID;
    case FIRST_KEY:
    case KEY:
      isKey = true;
      return byte == 0x22 ? TEXT : INVALID;
    default:
      return startOfValue(byte);
  }
}

function startOfValue(byte: u32): u32 {
  if (byte == 0x22) {
    isKey = false;
    return TEXT;
  }
  if (byte != 0x7b && byte != 0x5b) {
    return startOfScalar(byte);
  }
  if (depth == MAX_DEPTH) {
    return INVALID;
  }
  depth += 1;
  store<u8>(LEVELS + depth, u8(closerFor(byte)));
  return byte == 0x7b ? FIRST_KEY : FIRST_ITEM;
}

/** The byte that ends the innermost object or list; none outside of both. */
function closerOf(depth: usize): u32 {
  return depth == 0 ? 0x100 : load<u8>(LEVELS + depth);
}

/** In ASCII, each closing bracket is two behind its opening one. */
function closerFor(opener: u32): u32 {
  return opener + 2;
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

/** Texts, escapes, words, and those places in a number where it cannot end. */
function insideToken(byte: u32): u32 {
  switch (state) {
    case TEXT:
      if (byte == 0x22) {
        return isKey ? COLON : AFTER;
      }
      return byte == 0x5c ? ESCAPE : INVALID;
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
function behindDigits(byte: u32): u32 {
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
  let others = notDigits(at);
  while (others == 0) {
    at += 16;
    others = notDigits(at);
  }
  return at + ctz(others);
}

/** A bit for each of the next sixteen bytes. */
function notDigits(at: usize): u32 {
  const values = i8x16.sub(v128.load(at), i8x16.splat(0x30));
  return i8x16.bitmask(i8x16.gt_u(values, i8x16.splat(9)));
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

/** The quote at the end of a text that goes on with an escape, or what cannot be passed. */
function textEnd(from: usize): usize {
  let at = from;
  while (load<u8>(at) == 0x5c) {
    const size = escapeSize(at);
    if (size == 0) {
      break;
    }
    at = plainTextEnd(at + size);
  }
  return at;
}

/** 0 if it is not whole. */
function escapeSize(at: usize): usize {
  const byte: u32 = load<u8>(at + 1);
  if (byte != 0x75) {
    return insideEscape(byte) == TEXT ? 2 : 0;
  }
  const isFirstHalf = isHex(load<u8>(at + 2)) && isHex(load<u8>(at + 3));
  return isFirstHalf && isHex(load<u8>(at + 4)) && isHex(load<u8>(at + 5)) ? 6 : 0;
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
