/** Deeper bodies are not embedded: programs that read records give up long before that. */
export const MAX_JSON_DEPTH = 10_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Words by their first byte. */
const WORDS = new Map(['true', 'false', 'null'].map((word) => [word.charCodeAt(0), word]));

/** 1 for the letters that may follow a backslash, 2 for `u`. */
const ESCAPES = new Uint8Array(256);
for (const letter of '"\\/bfnrt') {
  ESCAPES[letter.charCodeAt(0)] = 1;
}
ESCAPES[0x75] = 2;

/** 1 for hexadecimal digits. */
const HEX = new Uint8Array(256);
for (const digit of '0123456789abcdefABCDEF') {
  HEX[digit.charCodeAt(0)] = 1;
}

/** 1 for white space. */
const SPACE = new Uint8Array(256);
for (const space of ' \t\r\n') {
  SPACE[space.charCodeAt(0)] = 1;
}

/**
 * Whether bytes are JSON (RFC 8259); agrees with `JSON.parse` on everything that is UTF-8 and not
 * nested deeper than {@link MAX_JSON_DEPTH}. It reads each byte once and builds nothing. The parser
 * takes seconds for some bodies of 10 MiB: many levels, wide arrays, many different keys.
 *
 * @param bytes valid UTF-8
 */
export function isJson(bytes: Uint8Array): boolean {
  return new Scanner(bytes).scan(Infinity) === true;
}

/** The same in steps of at most `stepBytes` bytes or one string; waits for `pause` in between. */
export async function isJsonInSteps(
  bytes: Uint8Array,
  stepBytes: number,
  pause: () => Promise<unknown>,
): Promise<boolean> {
  const scanner = new Scanner(bytes);
  let found = scanner.scan(stepBytes);
  while (found === undefined) {
    await pause();
    found = scanner.scan(stepBytes);
  }
  return found;
}

/**
 * One pass over the bytes. Reading beyond the end gives undefined, which equals no byte and has no
 * place in the tables.
 */
class Scanner {
  readonly #bytes: Uint8Array;
  /** For each open level, whether it is an object. */
  readonly #isObject: boolean[] = [];
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Whether all is JSON; undefined if that is not known after so many bytes. */
  scan(maxBytes: number): boolean | undefined {
    const until = this.#at + maxBytes;
    do {
      if (this.#at >= until) {
        return undefined;
      }
      if (!this.#openValue()) {
        return false;
      }
    } while (this.#closeLevels());
    return this.#isObject.length === 0 && this.#at === this.#bytes.length;
  }

  /** Reads up to the end of the next scalar, or into an object or array that is not empty. */
  #openValue(): boolean {
    for (;;) {
      const byte = this.#next();
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        const isObject = byte === OPEN_OBJECT;
        if (this.#isObject.length === MAX_JSON_DEPTH) {
          return false;
        }
        this.#at += 1;
        if (this.#next() === (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) {
          this.#at += 1;
          return true;
        }
        this.#isObject.push(isObject);
        if (isObject && !this.#readKey()) {
          return false;
        }
      } else {
        return byte === QUOTE ? this.#readString() : this.#readWord(byte);
      }
    }
  }

  /**
   * Reads what follows a value: the ends of levels, and a comma.
   *
   * @returns whether another value has to follow; if not, all is read or something is wrong
   */
  #closeLevels(): boolean {
    for (;;) {
      const byte = this.#next();
      const levels = this.#isObject;
      if (levels.length === 0) {
        return false;
      }
      const isObject = levels[levels.length - 1] === true;
      if (byte === COMMA) {
        this.#at += 1;
        return !isObject || this.#readKey();
      }
      if (byte !== (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) {
        return false;
      }
      this.#at += 1;
      levels.pop();
    }
  }

  #readKey(): boolean {
    if (this.#next() !== QUOTE || !this.#readString() || this.#next() !== COLON) {
      return false;
    }
    this.#at += 1;
    return true;
  }

  /** Skips white space. @returns the byte that follows, without moving behind it */
  #next(): number | undefined {
    const bytes = this.#bytes;
    let at = this.#at;
    let byte = bytes[at];
    while (byte !== undefined && SPACE[byte] === 1) {
      at += 1;
      byte = bytes[at];
    }
    this.#at = at;
    return byte;
  }

  /** From the opening quote to behind the closing one. */
  #readString(): boolean {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    for (;;) {
      const byte = bytes[at];
      if (byte === undefined || byte < 0x20) {
        return false;
      }
      at += 1;
      if (byte === QUOTE) {
        this.#at = at;
        return true;
      }
      if (byte === BACKSLASH) {
        const escape = ESCAPES[bytes[at] ?? 0];
        if (escape === 0 || (escape === 2 && !this.#isHex(at + 1))) {
          return false;
        }
        at += escape === 2 ? 5 : 1;
      }
    }
  }

  #isHex(from: number): boolean {
    const bytes = this.#bytes;
    for (let at = from; at < from + 4; at++) {
      if (HEX[bytes[at] ?? 0] !== 1) {
        return false;
      }
    }
    return true;
  }

  #readWord(first: number | undefined): boolean {
    const word = first === undefined ? undefined : WORDS.get(first);
    return word === undefined ? this.#readNumber() : this.#readLiteral(word);
  }

  #readLiteral(word: string): boolean {
    for (let i = 0; i < word.length; i++) {
      if (this.#bytes[this.#at + i] !== word.charCodeAt(i)) {
        return false;
      }
    }
    this.#at += word.length;
    return true;
  }

  #readNumber(): boolean {
    const bytes = this.#bytes;
    if (bytes[this.#at] === MINUS) {
      this.#at += 1;
    }
    if (bytes[this.#at] === ZERO) {
      this.#at += 1;
    } else if (!this.#readDigits()) {
      return false;
    }
    if (bytes[this.#at] === DOT) {
      this.#at += 1;
      if (!this.#readDigits()) {
        return false;
      }
    }
    const exponent = bytes[this.#at];
    if (exponent !== 0x65 && exponent !== 0x45) {
      return true;
    }
    this.#at += 1;
    const sign = bytes[this.#at];
    if (sign === MINUS || sign === 0x2b) {
      this.#at += 1;
    }
    return this.#readDigits();
  }

  /** One digit at least. */
  #readDigits(): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    let byte = bytes[at];
    while (byte !== undefined && byte >= ZERO && byte <= NINE) {
      at += 1;
      byte = bytes[at];
    }
    this.#at = at;
    return at > start;
  }
}
