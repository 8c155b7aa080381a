import { join } from 'node:path';
import { PARTITIONS, PositionSet, TemporaryFolder } from '@fetchfleet/crawl';
import { readLines } from '../export/read-lines.ts';
import { firstManifest } from '../folder/manifest.ts';
import {
  type BatchEntries,
  type DiffEntry,
  entriesOf,
  readEntries,
  readRecord,
} from './diff-entries.ts';

/** What became of a request from one batch to a later one. */
export const CHANGES = ['added', 'changed', 'removed', 'unchanged', 'failed'] as const;
export type Change = (typeof CHANGES)[number];

/** A record of a list. */
export interface ListedChange {
  readonly change: Change;
  /** The batch that has the record: of what was removed, the older one. */
  readonly batch: string;
  readonly index: number;
  readonly page?: number;
  readonly method?: string;
  readonly url: string;
  readonly outcome: string;
}

interface DiffOptions {
  /** Results folders. */
  readonly dirs: readonly string[];
  readonly older: string;
  readonly newer: string;
  /** Changes of which every record is listed. @default none */
  readonly list?: ReadonlySet<Change>;
  /** Called with each of them: those of the newer batch first, in its order. */
  readonly onListed?: (listed: ListedChange) => void | Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

interface DiffSummary {
  readonly counts: Readonly<Record<Change, number>>;
  /** Fetches of both batches without a record. */
  readonly missing: number;
}

/**
 * Compares the records of two batches by what was asked for. The same request that comes several
 * times is paired in the order of the batches. Memory holds a partition of each batch at a time,
 * and a bit for each record that is listed.
 *
 * @throws ResultsNotFoundError, ResultsChangedError, ResultsUnreadableError, InvalidIdError
 */
export async function diffBatches(options: DiffOptions): Promise<DiffSummary> {
  const { dirs, older, newer, signal } = options;
  await using folder = await TemporaryFolder.create('diff');
  const manifests = [await firstManifest(dirs, older), await firstManifest(dirs, newer)];
  // Hashes of what is stored are others than those of what was received.
  const usesValidators = manifests.every((manifest) => manifest?.revalidate !== undefined);
  const common = { dirs, usesValidators, signal };
  const before = await readEntries({ ...common, batch: older, path: join(folder.path, 'older') });
  const now = await readEntries({ ...common, batch: newer, path: join(folder.path, 'newer') });
  const diff = new Diff(options.list);
  for (let at = 0; at < PARTITIONS; at += 1) {
    signal?.throwIfAborted();
    diff.add(await before.partitions.take(at), await now.partitions.take(at));
  }
  await diff.listAll(options);
  return { counts: diff.counts, missing: missingOf(before, now) };
}

function missingOf(...batches: readonly BatchEntries[]): number {
  return batches.reduce((sum, { missing }) => sum + missing, 0);
}

class Diff {
  readonly counts: Record<Change, number> = {
    added: 0,
    changed: 0,
    removed: 0,
    unchanged: 0,
    failed: 0,
  };
  /** Positions of what is listed, in the batch that has the record. */
  readonly #listed: ReadonlyMap<Change, PositionSet>;

  constructor(list: ReadonlySet<Change> = new Set()) {
    this.#listed = new Map([...list].map((change) => [change, new PositionSet()]));
  }

  /** @param older the entries of the older batch with the same first byte as those of the newer */
  add(older: Buffer, newer: Buffer): void {
    const before = new Map<string, DiffEntry[]>();
    for (const entry of entriesOf(older)) {
      const same = before.get(entry.key);
      if (same === undefined) {
        before.set(entry.key, [entry]);
      } else {
        same.push(entry);
      }
    }
    for (const entry of entriesOf(newer)) {
      this.#count(changeOf(before.get(entry.key)?.shift(), entry), entry);
    }
    for (const left of before.values()) {
      for (const entry of left) {
        this.#count('removed', entry);
      }
    }
  }

  async listAll({ dirs, older, newer, onListed, signal }: DiffOptions): Promise<void> {
    const places = [
      { batch: newer, changes: CHANGES.filter((change) => change !== 'removed') },
      { batch: older, changes: ['removed'] as const },
    ];
    for (const { batch, changes } of places) {
      const wanted = changes.filter((change) => this.#listed.has(change));
      if (wanted.length === 0) {
        continue;
      }
      let position = 0;
      await readLines({
        dir: dirs,
        batch,
        unchanged: 'keep',
        ...(signal && { signal }),
        onLine: (line) => {
          const change = wanted.find((one) => this.#listed.get(one)?.has(position) === true);
          position += 1;
          const listed = change && listedOf(change, batch, line);
          return listed && onListed?.(listed);
        },
      });
    }
  }

  #count(change: Change, { position }: DiffEntry): void {
    this.counts[change] += 1;
    this.#listed.get(change)?.add(position);
  }
}

/** A failure on either side says nothing about the body. */
function changeOf(before: DiffEntry | undefined, now: DiffEntry): Change {
  if (!now.isOk || before?.isOk === false) {
    return 'failed';
  }
  if (before === undefined) {
    return 'added';
  }
  return before.body === now.body ? 'unchanged' : 'changed';
}

function listedOf(change: Change, batch: string, line: Buffer): ListedChange | undefined {
  const head = readRecord(line)?.head;
  if (head === undefined) {
    return undefined;
  }
  const { index, page, method, url, outcome } = head;
  return {
    change,
    batch,
    index,
    ...(typeof page === 'number' && { page }),
    ...(typeof method === 'string' && { method }),
    url: String(url),
    outcome: String(outcome),
  };
}
