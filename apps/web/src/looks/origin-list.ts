import { type Origins, type OriginStatus, severityOf } from '@fetchfleet/fleet';
import { Look } from './look.ts';

/** Origins that are looked at: those worked on last, and as many with limits set. */
const MAX_ORIGINS = 500;
const NAMES_EVERY_MS = 2_000;
/** Of all of them as many are read each second, in turn. */
const MAX_IN_TURN = 20;
/** Of those that somebody sees as many are read each second, in turn. */
const MAX_SHOWN = 50;
/** What was read so lately is not read again for somebody else. */
const FRESH_MS = 500;
/** What was not read for this long is forgotten. */
const FORGET_MS = 60_000;

interface Seen {
  readonly status: OriginStatus | undefined;
  readonly readAtMs: number;
}

/**
 * The origins of a fleet, the worst first, then the busiest. One script is a read of one origin, so
 * a look reads the same number of them, however many there are: those that somebody sees, and a
 * share of the others, each time those that were read longest ago.
 */
export class OriginList {
  readonly #origins: Pick<Origins, 'latest' | 'list'>;
  readonly #now: () => number;
  readonly #names: Look<readonly string[]>;
  readonly #all: Look<readonly OriginStatus[]>;
  readonly #seen = new Map<string, Seen>();

  /** @param now a clock that is never set back. @default performance.now */
  constructor(
    origins: Pick<Origins, 'latest' | 'list'>,
    now: () => number = () => performance.now(),
  ) {
    this.#origins = origins;
    this.#now = now;
    this.#names = new Look({
      read: async () => origins.latest(MAX_ORIGINS),
      everyMs: NAMES_EVERY_MS,
      now,
    });
    this.#all = new Look({ read: async () => this.#readInTurn(), now });
  }

  /** The origins that were worked on last, each as it was in the last half minute. */
  async all(): Promise<readonly OriginStatus[]> {
    return this.#all.get();
  }

  /**
   * Some origins as they are now, up to 50, without those of which nothing is known; of more, each
   * is read again in its turn.
   */
  async some(names: readonly string[]): Promise<readonly OriginStatus[]> {
    await this.#refresh(names, MAX_SHOWN);
    return this.#known(names);
  }

  /**
   * All origins, those as they are now that somebody sees.
   *
   * @param areSeen chooses them
   */
  async allWith(
    areSeen: (all: readonly OriginStatus[]) => readonly OriginStatus[],
  ): Promise<readonly OriginStatus[]> {
    await this.some(areSeen(await this.all()).map(({ origin }) => origin));
    return this.#known(await this.#names.get());
  }

  async #readInTurn(): Promise<readonly OriginStatus[]> {
    const names = await this.#names.get();
    await this.#refresh(names, MAX_IN_TURN);
    const beforeMs = this.#now() - FORGET_MS;
    for (const [name, { readAtMs }] of this.#seen) {
      if (readAtMs < beforeMs) {
        this.#seen.delete(name);
      }
    }
    return this.#known(names);
  }

  /** Reads those that were never read, and the longest unread of the others. */
  async #refresh(names: readonly string[], most: number): Promise<void> {
    const nowMs = this.#now();
    const unread = names.filter((name) => !this.#seen.has(name));
    const due = names
      .flatMap((name) => {
        const seen = this.#seen.get(name);
        return seen === undefined || nowMs - seen.readAtMs < FRESH_MS ? [] : [{ name, ...seen }];
      })
      .toSorted((one, other) => one.readAtMs - other.readAtMs)
      .slice(0, most);
    const asked = [...unread, ...due.map(({ name }) => name)];
    const found = new Map((await this.#origins.list(asked)).map((one) => [one.origin, one]));
    for (const name of asked) {
      this.#seen.set(name, { status: found.get(name), readAtMs: nowMs });
    }
  }

  /** As they are by now, as far as that can be told without reading them again. */
  #known(names: readonly string[]): readonly OriginStatus[] {
    const nowMs = this.#now();
    return names
      .flatMap((name) => {
        const { status, readAtMs } = this.#seen.get(name) ?? {};
        return status === undefined || readAtMs === undefined ? [] : aged(status, nowMs - readAtMs);
      })
      .toSorted(
        (one, other) =>
          severityOf(other) - severityOf(one) ||
          other.waiting - one.waiting ||
          other.inUse - one.inUse,
      );
  }
}

/** What is left of a block and of an outage goes by. */
function aged(status: OriginStatus, ageMs: number): OriginStatus {
  const { blockedMs, openMs } = status;
  const left = (ms: number): number => Math.max(0, Math.round(ms - ageMs));
  return {
    ...status,
    ...(blockedMs !== undefined && { blockedMs: left(blockedMs) }),
    ...(openMs !== undefined && { openMs: left(openMs) }),
  };
}
