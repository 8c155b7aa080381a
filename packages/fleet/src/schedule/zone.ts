import { CronDate } from 'cron-parser';

/** No change of clocks is further away from a moment than this, as far as it matters for it. */
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/**
 * What the clocks of a time zone show, as if it were UTC:
 *
 *     in spring   01:00 ─ 02:00 │ 03:00 ─ 04:00      02:30 is skipped: it counts as 03:30
 *     in autumn   02:00 ─ 03:00 │ 02:00 ─ 03:00      02:30 comes twice: it counts the first time
 *
 * All numbers are milliseconds.
 */
export class Zone {
  readonly #tz: string;

  /** @param tz IANA name */
  constructor(tz: string) {
    this.#tz = tz;
  }

  /** When clocks show a time; of a time that is skipped, so much later as is skipped. */
  instantOf(shownMs: number): { readonly at: number; readonly isSkipped: boolean } {
    const before = shownMs - this.#offset(shownMs - DAY_MS);
    const after = shownMs - this.#offset(shownMs + DAY_MS);
    if (before === after || this.#shows(before, shownMs)) {
      return { at: before, isSkipped: false };
    }
    const isSkipped = !this.#shows(after, shownMs);
    return { at: isSkipped ? before : after, isSkipped };
  }

  /** The earliest time that may count as one after a moment. */
  firstShownAfter(ms: number): number {
    const offset = this.#offset(ms);
    return ms + Math.min(offset, this.#offset(ms - DAY_MS));
  }

  #shows(at: number, shownMs: number): boolean {
    return at + this.#offset(at) === shownMs;
  }

  #offset(at: number): number {
    return new CronDate(new Date(at), this.#tz).getUTCOffset() * MINUTE_MS;
  }
}
