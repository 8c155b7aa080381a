import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { type Crawl, InputError, isListFile, isStoredList, keyOf } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** All lists of one schedule together, uncompressed: Redis keeps them in memory. */
const MAX_STORED_BYTES = 16 * 1_024 * 1_024;
/** How long a list stays that no schedule names any more: its batches may still be resumed. */
const ORPHAN_SECONDS = 30 * 86_400;

/** A crawl with the content of its list files, to be kept with a schedule. */
export interface StorableCrawl {
  /** List files have paths `stored:…`. Lists at URLs keep their URL and are read at every tick. */
  readonly crawl: Crawl;
  readonly lists: ReadonlyMap<string, Buffer>;
}

/**
 * Reads the list files of a crawl.
 *
 * @param fileName the crawl file, for messages
 * @throws InputError if they are larger than 16 MiB together
 */
export async function readLists(
  crawl: Crawl,
  schedule: string,
  fileName: string,
): Promise<StorableCrawl> {
  const lists = new Map<string, Buffer>();
  const sources: Crawl['sources'][number][] = [];
  let bytes = 0;
  for (const source of crawl.sources) {
    if (source.kind === 'batch') {
      throw fromBatch(fileName, keyOf(source));
    }
    if (!isListFile(source) || /^https?:/i.test(source.path)) {
      sources.push(source);
      continue;
    }
    bytes += (await stat(source.path)).size;
    if (bytes > MAX_STORED_BYTES) {
      throw tooLarge(fileName, keyOf(source));
    }
    const content = await readFile(source.path);
    const sha = createHash('sha256').update(content).digest('hex').slice(0, 32);
    const path = `stored:${schedule}/${sha}/${basename(source.path)}`;
    lists.set(sha, content);
    sources.push({ ...source, path });
  }
  return { crawl: { ...crawl, sources }, lists };
}

function fromBatch(file: string, key: string): InputError {
  const message =
    'a schedule cannot take values from a batch, because workers do not read results of others; ' +
    'export them into a list file, or start the crawl from a script that runs after the batch';
  return new InputError([{ file, key, message }]);
}

function tooLarge(file: string, key: string): InputError {
  const message =
    'the list files of a schedule are kept in Redis, up to 16 MiB together, and these are larger; ' +
    'put the list at a URL (file: https://…/ids.csv), which is read at every tick';
  return new InputError([{ file, key, message }]);
}

/** The list files of schedules, compressed: workers need no access to the original files. */
export class ScheduleLists {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;

  constructor(redis: Redis, keys: FleetKeys = fleetKeys()) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Call it before the schedule that names the lists is stored. */
  async store(schedule: string, lists: StorableCrawl['lists']): Promise<void> {
    for (const [sha, content] of lists) {
      await this.#redis.set(this.#keys.scheduleList(schedule, sha), await compress(content));
    }
  }

  /** @param path `stored:…`. @throws InputError if the list was removed */
  async read(path: string): Promise<Buffer> {
    const key = this.#keyOf(path);
    const content = key === undefined ? null : await this.#redis.getBuffer(key);
    if (content !== null) {
      return decompress(content);
    }
    const message = 'the list is not kept any more: its schedule was removed or changed long ago';
    throw new InputError([{ file: path, message }]);
  }

  /** Lists that `before` names and `now` does not expire in 30 days. */
  async orphan(before: Crawl, now?: Crawl): Promise<void> {
    const kept = new Set(now === undefined ? [] : this.#keysOf(now));
    const orphans = this.#keysOf(before).filter((key) => !kept.has(key));
    await Promise.all(orphans.map(async (key) => this.#redis.expire(key, ORPHAN_SECONDS)));
  }

  #keysOf({ sources }: Crawl): string[] {
    return sources.flatMap((source) =>
      isListFile(source) ? (this.#keyOf(source.path) ?? []) : [],
    );
  }

  #keyOf(path: string): string | undefined {
    if (!isStoredList(path)) {
      return undefined;
    }
    const [schedule = '', sha = ''] = path.slice(path.indexOf(':') + 1).split('/');
    return this.#keys.scheduleList(schedule, sha);
  }
}
