import {
  BatchesReader,
  type FleetKeys,
  FleetHistory,
  FleetOverview,
  interruptedAmong,
  LedgerReader,
  type OnPassedOver,
  originDetailDocument,
  originDocument,
  Origins,
  scheduleDocument,
  ScheduleStore,
  viewSchedule,
  type WatchedBatch,
  Workers,
} from '@fetchfleet/fleet';
import type { Redis } from 'ioredis';
import type {
  BatchDetail,
  BatchesDocument,
  OriginDetail,
  OriginsDocument,
  OverviewDocument,
  SchedulesDocument,
  SlicesDocument,
  WorkersDocument,
} from '../api/documents.ts';
import { BatchList, type BatchQuery } from './batch-list.ts';
import { BatchSources, slicesOf } from './batch-view.ts';
import { Look } from './look.ts';
import { OriginHours } from './origin-hours.ts';
import { OriginList } from './origin-list.ts';
import { overviewDocument } from './overview.ts';
import { mayBeShown } from './trouble.ts';
import type { Watched } from './watched-batch.ts';

const SCHEDULES_EVERY_MS = 5_000;
const MAX_SCHEDULES = 200;
const MEMORY_EVERY_MS = 5_000;
/** Reads a sample of the queue: some milliseconds of Redis. */
const BACKLOG_EVERY_MS = 10_000;
const HISTORY_EVERY_MS = 10_000;
/** Workers report every two seconds. */
const WORKERS_EVERY_MS = 2_000;
/** Names that a text is looked for in. */
const MAX_NAMES = 10_000;
const NAMES_EVERY_MS = 5_000;
/** Origins whose names have the text. */
const MAX_FOUND = 200;
/** Looks at single batches and pages of the list that are kept. */
const MAX_KEPT = 64;

export interface FleetLooksOptions {
  readonly redis: Redis;
  readonly keys: FleetKeys;
  readonly onPassedOver: OnPassedOver;
  /** Whether Redis is that of a folder, where only `run` starts workers. */
  readonly isPrivate: boolean;
  readonly resultsDisk: () => Promise<OverviewDocument['resultsDisk']>;
  /** How the records of a batch can be read, and how long its last fetches took. */
  readonly records: (batch: string) => Promise<Pick<BatchDetail, 'records' | 'latency'>>;
}

/** Everything that is read of Redis for viewers. Each part is read once for all of them. */
export class FleetLooks {
  readonly ledger: LedgerReader;
  readonly overview: Look<OverviewDocument>;
  readonly workers: Look<WorkersDocument>;
  readonly schedules: Look<SchedulesDocument>;
  readonly #options: FleetLooksOptions;
  readonly #origins: Origins;
  readonly #originList: OriginList;
  readonly #originHours: OriginHours;
  readonly #reader: BatchesReader;
  readonly #workers: Look<Awaited<ReturnType<Workers['list']>>>;
  readonly #watched: Look<readonly Watched[]>;
  readonly #names: Look<readonly string[]>;
  readonly #storedSchedules: Look<Awaited<ReturnType<typeof firstSchedules>>>;
  readonly #history: Look<Awaited<ReturnType<FleetHistory['read']>>>;
  readonly #list: BatchList;
  /** By what is looked at, the one that was asked for last at the end. */
  readonly #kept = new Map<string, Look<unknown>>();

  constructor(options: FleetLooksOptions) {
    const { redis, keys, onPassedOver } = options;
    this.#options = options;
    this.ledger = new LedgerReader(redis, keys, onPassedOver);
    this.#origins = new Origins(redis, keys, onPassedOver);
    this.#originList = new OriginList(this.#origins);
    this.#originHours = new OriginHours(this.#origins);
    this.#reader = new BatchesReader(this.ledger);
    const known = new Workers(redis, keys, onPassedOver);
    this.#workers = new Look({ read: async () => known.list(), everyMs: WORKERS_EVERY_MS });
    this.#watched = new Look({
      read: async () => this.#withInterrupted(await this.#reader.read()),
    });
    this.#list = new BatchList({
      ledger: this.ledger,
      watched: this.#watched,
      some: async (ids) => this.#withInterrupted(await this.#reader.some(ids)),
    });
    this.workers = new Look({ read: async () => ({ workers: await this.#workers.get() }) });
    this.#names = new Look({
      read: async () => this.#origins.latest(MAX_NAMES),
      everyMs: NAMES_EVERY_MS,
    });
    const history = new FleetHistory(redis, keys, onPassedOver);
    this.#history = new Look({ read: async () => history.read(), everyMs: HISTORY_EVERY_MS });
    const store = new ScheduleStore(redis, keys, { onPassedOver });
    const schedules = new Look({
      read: async () => firstSchedules(store),
      everyMs: SCHEDULES_EVERY_MS,
    });
    this.#storedSchedules = schedules;
    this.schedules = new Look({
      read: async () => {
        const views = (await schedules.get()).map(async (one) => viewSchedule(this.ledger, one));
        const isKnown = await this.#list.known();
        const documents = (await Promise.all(views)).map(scheduleDocument);
        return { schedules: documents.map((one) => withRemoved(one, isKnown)) };
      },
      everyMs: SCHEDULES_EVERY_MS,
    });
    const fleet = new FleetOverview(redis, keys, onPassedOver);
    const memory = new Look({ read: async () => fleet.memory(), everyMs: MEMORY_EVERY_MS });
    const disk = new Look({ read: options.resultsDisk, everyMs: MEMORY_EVERY_MS });
    const backlog = new Look({
      read: async () => fleet.oldestPendingMs(),
      everyMs: BACKLOG_EVERY_MS,
    });
    this.overview = new Look({
      read: async () => {
        const [watched, ...others] = await Promise.all([
          this.#watched.get(),
          this.#workers.get(),
          this.#originList.allWith(mayBeShown),
          schedules.get(),
          memory.get(),
          backlog.get(),
          this.#history.get(),
          disk.get(),
        ]);
        return overviewDocument({
          nowMs: Date.now(),
          watched,
          underWayTotal: this.#reader.underWayTotal,
          workers: others[0],
          origins: others[1],
          schedules: others[2],
          memory: others[3],
          oldestPendingMs: others[4],
          samples: others[5],
          resultsDisk: others[6],
        });
      },
      comparable: (document) => ({ ...document, at: undefined }),
    });
  }

  /** Somebody has changed something here. What is read every second is new soon enough. */
  expire(): void {
    this.#storedSchedules.expire();
    this.schedules.expire();
    this.#reader.expire();
  }

  batches(query: BatchQuery): Look<BatchesDocument> {
    return this.#keep(`batches ${JSON.stringify(query)}`, async () => this.#list.page(query));
  }

  /** Undefined where the batch is unknown. */
  batch(id: string): Look<BatchDetail | undefined> {
    const sources = new BatchSources(id, {
      ...this.#options,
      ledger: this.ledger,
      origins: this.#origins,
      originList: this.#originList,
      history: this.#history,
    });
    return this.#keep(`batch ${id}`, async () => {
      const [watched] = await this.#withInterrupted(await this.#reader.some([id]));
      if (watched === undefined) {
        await this.ledger.status(id); // throws, if it is there and cannot be read
        return undefined;
      }
      return sources.detail(watched);
    });
  }

  /** Empty where the batch is unknown. */
  slices(id: string): Look<SlicesDocument> {
    return this.#keep(`slices ${id}`, async () => slicesOf(this.#options, id));
  }

  /** @param limit at most 500 */
  origins({ text, limit }: { readonly text: string; readonly limit: number }) {
    return this.#keep(`origins ${limit} ${text}`, async (): Promise<OriginsDocument> => {
      const list = this.#originList;
      const found =
        text === ''
          ? await list.allWith((all) => all.slice(0, limit))
          : await list.some((await this.#namesWith(text)).slice(0, MAX_FOUND));
      const shown = found.slice(0, limit);
      const hourOf = await this.#originHours.of(shown.map(({ origin }) => origin));
      return {
        origins: shown.map((one) => ({ ...originDocument(one), lastHour: hourOf(one.origin) })),
        total: found.length,
      };
    });
  }

  /** Undefined where nothing is known of it. */
  origin(name: string): Look<OriginDetail | undefined> {
    return this.#keep(`origin ${name}`, async () => {
      const [status, detail] = await Promise.all([
        this.#origins.status(name),
        this.#origins.detail(name),
      ]);
      return status === undefined ? undefined : originDetailDocument(status, detail);
    });
  }

  async #namesWith(text: string): Promise<readonly string[]> {
    return (await this.#names.get()).filter((name) => name.includes(text));
  }

  async #withInterrupted(batches: readonly WatchedBatch[]): Promise<readonly Watched[]> {
    const sources = { ledger: this.ledger, workers: { list: async () => this.#workers.get() } };
    const statuses = this.#options.isPrivate ? batches.map(({ status }) => status) : [];
    const interrupted = await interruptedAmong(sources, statuses);
    return batches.map((one) => ({ ...one, isInterrupted: interrupted.has(one.status.batch) }));
  }

  /** A look that is shared by all who look at the same. */
  #keep<T>(key: string, read: () => Promise<T>): Look<T> {
    // The key says what the look reads.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const known = this.#kept.get(key) as Look<T> | undefined;
    const look = known ?? new Look({ read });
    this.#kept.delete(key);
    this.#kept.set(key, look);
    for (const [other, { viewers }] of this.#kept) {
      if (this.#kept.size > MAX_KEPT && viewers === 0) {
        this.#kept.delete(other);
      }
    }
    return look;
  }
}

async function firstSchedules(store: ScheduleStore) {
  const ids = (await store.ids()).slice(0, MAX_SCHEDULES);
  return store.some(ids);
}

/** Notes which runs have no batch any more: their batches are too many to be read each time. */
function withRemoved(
  schedule: SchedulesDocument['schedules'][number],
  isKnown: (batch: string) => boolean,
): SchedulesDocument['schedules'][number] {
  const runs = schedule.runs.map((run) => ({
    ...run,
    removed: run.state === 'started' && run.batch !== null && !isKnown(run.batch),
  }));
  return { ...schedule, runs };
}
