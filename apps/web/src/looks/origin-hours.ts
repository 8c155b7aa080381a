import type { OriginHour, Origins } from '@fetchfleet/fleet';
import type { WatchedOrigin } from '../api/documents.ts';

/** The last five minutes grow for as long. */
const EVERY_MS = 10_000;
/** What was not read for this long is forgotten. */
const FORGET_MS = 60_000;

interface Seen {
  readonly hour: OriginHour;
  readonly readAtMs: number;
}

/** What was fetched at origins in the last hour: one script for all that are due. */
export class OriginHours {
  readonly #origins: Pick<Origins, 'lastHour'>;
  readonly #seen = new Map<string, Seen>();

  constructor(origins: Pick<Origins, 'lastHour'>) {
    this.#origins = origins;
  }

  async of(names: readonly string[]): Promise<(origin: string) => WatchedOrigin['lastHour']> {
    const readAtMs = performance.now();
    for (const [name, seen] of this.#seen) {
      if (readAtMs - seen.readAtMs >= FORGET_MS) {
        this.#seen.delete(name);
      }
    }
    const due = names.filter(
      (name) => readAtMs - (this.#seen.get(name)?.readAtMs ?? -Infinity) >= EVERY_MS,
    );
    for (const [name, hour] of await this.#origins.lastHour(due)) {
      this.#seen.set(name, { hour, readAtMs });
    }
    return (name) => this.#seen.get(name)?.hour ?? null;
  }
}
