const POINT = 0x2e;
const ZERO = 0x30;
const LETTER_Z = 0x5a;

/** What must be parsed. No value that is read here is below zero. */
export const UNREAD = -1;

/** So many digits are exact in a number. */
const EXACT_DIGITS = 15;

/** Reads digits; {@link UNREAD} if there are too many, or there is anything else. */
export function readWhole(data: Buffer, from: number, to: number): number {
  const digits = to - from;
  if (digits < 1 || digits > EXACT_DIGITS || (digits > 1 && data[from] === ZERO)) {
    return UNREAD;
  }
  return readDigits(data, from, to);
}

/** Reads a number with or without a fraction. */
export function readDecimal(data: Buffer, from: number, to: number): number {
  let point = from;
  while (point < to && data[point] !== POINT) {
    point += 1;
  }
  const whole = readWhole(data, from, point);
  if (point === to || whole < 0) {
    return whole;
  }
  const fraction = readDigits(data, point + 1, to);
  const scale = POWERS[to - point - 1] ?? 1;
  if (fraction < 0 || scale === 1 || to - from - 1 > EXACT_DIGITS) {
    return UNREAD;
  }
  // Both are exact, and so is no rounding but that of the division: what parsing gives.
  return (whole * scale + fraction) / scale;
}

const POWERS = Array.from({ length: EXACT_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

function readDigits(data: Buffer, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at += 1) {
    const digit = (data[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) {
      return UNREAD;
    }
    value = value * 10 + digit;
  }
  return value;
}

/** `2026-11-29T03:00:` */
const MINUTE_BYTES = 17;
const TIME_BYTES = 24;

/**
 * Reads times as workers write them: `2026-11-29T03:00:04.120Z`. Records that come together began
 * in the same minute, so only seconds are read of most.
 */
export class TimeReader {
  readonly #minute = Buffer.alloc(MINUTE_BYTES);
  #minuteMs = UNREAD;

  /** @returns milliseconds; {@link UNREAD} if it must be parsed */
  read(data: Buffer, from: number, to: number): number {
    if (to - from !== TIME_BYTES || data[to - 1] !== LETTER_Z) {
      return UNREAD;
    }
    const point = from + MINUTE_BYTES + 2;
    const seconds = readDigits(data, point - 2, point);
    const milliseconds = readDigits(data, point + 1, point + 4);
    if (data[point] !== POINT || seconds < 0 || seconds > 59 || milliseconds < 0) {
      return UNREAD;
    }
    const minuteMs = this.#isSame(data, from) ? this.#minuteMs : this.#parse(data, from);
    return minuteMs < 0 ? UNREAD : minuteMs + 1_000 * seconds + milliseconds;
  }

  #isSame(data: Buffer, from: number): boolean {
    // The last digit first: it changes most often.
    for (let at = MINUTE_BYTES - 1; at >= 0; at -= 1) {
      if (data[from + at] !== this.#minute[at]) {
        return false;
      }
    }
    return true;
  }

  #parse(data: Buffer, from: number): number {
    const text = `${data.toString('latin1', from, from + MINUTE_BYTES)}00.000Z`;
    const ms = Date.parse(text);
    // What is written in another way, or is the 31st of June, is none of ours.
    const isOurs = ms >= 0 && new Date(ms).toISOString() === text;
    data.copy(this.#minute, 0, from, from + MINUTE_BYTES);
    this.#minuteMs = isOurs ? ms : UNREAD;
    return this.#minuteMs;
  }
}
