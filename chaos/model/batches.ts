import type { Crawl } from './crawls.ts';

/** What somebody wants of a batch. */
export type Wanted = 'running' | 'paused' | 'cancelled' | 'pruned' | 'stuck';

/** A crawl that somebody has started. */
export interface Started {
  readonly crawl: Crawl;
  readonly startedAtMs: number;
  /** Ids of its batches. A producer that was killed may have made one without telling its id. */
  readonly ids: Set<string>;
  /** Whether a producer has said that it is enqueued: then it must end. */
  isAcknowledged: boolean;
}

/** What the fleet has been told to do. */
export class Batches {
  readonly #started = new Map<string, Started>();
  readonly #wanted = new Map<string, Wanted>();
  /** Settled, checked and pruned. */
  #done = 0;
  #fetches = 0;

  /** Crawls whose batches are not pruned. */
  get open(): readonly Started[] {
    return [...this.#started.values()];
  }

  get done(): number {
    return this.#done;
  }

  /** Fetches of all batches that were acknowledged. */
  get fetches(): number {
    return this.#fetches;
  }

  begin(crawl: Crawl, atMs: number): Started {
    const started = { crawl, startedAtMs: atMs, ids: new Set<string>(), isAcknowledged: false };
    this.#started.set(crawl.name, started);
    return started;
  }

  acknowledge(started: Started, id: string): void {
    started.ids.add(id);
    started.isAcknowledged = true;
    this.#fetches += started.crawl.expected.length;
  }

  /** The crawl whose batch this is. */
  startedBy(id: string): Started | undefined {
    return this.open.find(({ crawl }) => isBatchOf(id, crawl.name));
  }

  wanted(id: string): Wanted {
    return this.#wanted.get(id) ?? 'running';
  }

  want(id: string, wanted: Wanted): void {
    this.#wanted.set(id, wanted);
  }

  /** Ids of batches that are wanted to be so. */
  idsThatAre(...wanted: readonly Wanted[]): string[] {
    return this.open
      .flatMap(({ ids }) => [...ids])
      .filter((id) => wanted.includes(this.wanted(id)));
  }

  /** All batches of the crawl are pruned. */
  forget({ crawl, ids }: Started): void {
    this.#started.delete(crawl.name);
    this.#done += 1;
    for (const id of ids) {
      this.#wanted.delete(id);
    }
  }
}

/** An id is the name of the crawl, a time and some random characters. */
export function isBatchOf(id: string, name: string): boolean {
  return id.startsWith(`${name}-`);
}
