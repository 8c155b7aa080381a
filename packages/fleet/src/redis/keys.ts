import { shardInId, shardOfName, shardTags } from './shard-names.ts';

/**
 * Builds every Redis key of one shard of a fleet. All carry the hash tag of the shard, so that on
 * Redis Cluster a script may change its queue and its ledger together.
 */
export interface ShardKeys {
  /** From 0. The keys of shard 0 are those of a fleet without shards, and of version 0.1. */
  readonly index: number;
  /** Prefix that BullMQ puts before its own keys. */
  readonly queuePrefix: string;
  /**
   * A key of BullMQ's queue of slices: `wait`, `active`, `delayed`, `prioritized`, `marker`, or the
   * id of a slice.
   */
  readonly queue: (part: string) => string;
  /** HASH: virtual times of the fair queue, by which batches and origins take turns. */
  readonly virtualClock: string;
  /** ZSET of batch ids, scored by the time of registration. */
  readonly batches: string;
  /**
   * ZSET of batches that have not ended, scored as in {@link batches}; the member '' is the time up
   * to which that ZSET was read. Version 0.1 does not have it.
   */
  readonly unfinished: string;
  /** Part of the keys of batches, for scripts that read many. */
  readonly batchPrefix: string;
  /** HASH of batches that are being removed, with their results folders. */
  readonly removals: string;
  /** HASH: folders that still have results of a removed batch, by `<batch>|<id of the folder>`. */
  readonly folderRemovals: string;
  /**
   * HASH of notifications that wait, by `<batch>|<id>`, as JSON. Scripts derive it and the next two
   * from the hash tag.
   */
  readonly outbox: string;
  /** ZSET of these, scored by the epoch ms when they are due. */
  readonly outboxDue: string;
  /** STRING: notifications that were lost, because too many waited. */
  readonly outboxLost: string;
  /** HASH: `settled` and `failed`, the fetches of all batches that ever were. */
  readonly totals: string;
  /** SET of ids of schedules. */
  readonly schedules: string;
  /**
   * ZSET of worker ids, scored by the epoch seconds of the last heartbeat. Workers register in
   * shard 0: whoever claims from another one is no worker of version 0.1, so there is nothing to
   * know of it.
   */
  readonly workers: string;
  /** HASH of worker ids with the last report of each, as JSON. As {@link workers}. */
  readonly workersInfo: string;
}

/**
 * Builds every Redis key of a fleet. What belongs to a batch or a schedule is in the shard that
 * follows from its id. What there is once in every shard has to be asked of all of {@link shards}:
 * nobody who knows one of them must take it for the fleet. The keys of the gate have a tag per
 * origin, so that origins spread over the nodes.
 */
export interface FleetKeys {
  /** The only shard of most fleets. Of others, the one with everything that is there once. */
  readonly home: ShardKeys;
  /** All of them, as far as this process knows: see {@link setShards}. */
  readonly shards: readonly ShardKeys[];
  /** How many shards the fleet has. The number of a fleet with batches never changes. */
  setShards(count: number): void;
  /** Where a batch is, or would be. */
  shardOf(batch: string): ShardKeys;
  /** Where a slice is queued. */
  readonly shardOfSlice: (slice: string) => ShardKeys;
  /** Where a schedule is, and all of its batches. */
  shardOfSchedule(schedule: string): ShardKeys;
  /** HASH: a slice in the queue. */
  readonly slice: (id: string) => string;
  /** STRING: how many shards the fleet has; absent where it has one. */
  readonly shardCount: string;
  /** ZSET of worker ids, scored by the epoch seconds of the last heartbeat. */
  readonly workers: string;
  /** HASH of worker ids with the last report of each, as JSON. */
  readonly workersInfo: string;
  /** SET of ids of workers that somebody has asked to drain; expires with the register. */
  readonly drains: string;
  /** STRING: id of the worker that exports the metrics of the fleet; a lease. */
  readonly exporter: string;
  /** LIST of samples of the fleet, as JSON, the newest first: the last hour. */
  readonly history: string;
  /** STRING: written to check that Redis accepts writes; expires at once. */
  readonly probe: string;
  /** HASH: plan, crawl, counters and state of a batch. */
  batch(id: string): string;
  /** STRING: those fields of a finished batch that never change, compressed. */
  packed(id: string): string;
  /** Bitmap: the bit of a fetch is set once its record is durable. */
  settled(id: string): string;
  /**
   * Bitmap: the bit of a failed fetch is set. With `:<outcome>` appended: the bits of that outcome.
   */
  failed(id: string): string;
  /**
   * HASH of fetches whose pages are being fetched, by index: where the chain stands after its last
   * durable page. Scripts derive it from {@link batch}.
   */
  pages(id: string): string;
  /** ZSET: slices of a paused batch, taken out of the queue. */
  pausedSlices(id: string): string;
  /** STRING: id of the process that expands the batch; a lease. */
  expansion(id: string): string;
  /** ZSET of environment variables that a worker lacked for this batch, scored by time. */
  missingSecrets(id: string): string;
  /**
   * HASH: limits, leases and learned state of an origin; its fields stand in gate-hash.lua.ts.
   * Scripts derive two lists from it: see history.lua.ts.
   */
  gate(origin: string): string;
  /** ZSET: deferred slices of an origin, scored by 64 × ticket + fetches. */
  waitlist(origin: string): string;
  /** HASH: limits that a person has set for an origin; does not expire. */
  gateSettings(origin: string): string;
  /** Channel of origins whose gate every worker must ask again before it starts a fetch. */
  readonly gateNotifications: string;
  /** How many of them were published. */
  readonly gateNotificationCount: string;
  /** HASH: spec and state of a schedule. */
  schedule(id: string): string;
  /** LIST of the runs of a schedule, newest first. */
  scheduleRuns(id: string): string;
  /** ZSET of the batches of a schedule, scored by the time when they were decided. */
  scheduleBatches(id: string): string;
  /** STRING: a list file that is stored with a schedule, compressed. */
  scheduleList(id: string, sha: string): string;
  /** STRING: id of the worker that checks all schedules; a lease. */
  readonly scheduleCheck: string;
  /** ZSET of origins, scored by the epoch seconds when a worker last worked on them. */
  readonly origins: string;
  /** Part of the keys of HASHes: what was fetched at origins, one for each five minutes. */
  readonly originWork: string;
  /** SET of origins that have {@link gateSettings}. */
  readonly originsWithSettings: string;
  /** STRING: robots.txt of an origin, as JSON. */
  robots(origin: string): string;
}

/** What {@link isFleetName} asks for, for messages. */
export const FLEET_NAME_RULE = 'must be 1 to 40 of a-z, 0-9 and -';

/** Whether keys can be made of it: a brace, for example, would end the hash tag. */
export function isFleetName(text: string): boolean {
  return /^[a-z0-9-]{1,40}$/.test(text);
}

/** Name of the queue of slices. */
export const SLICES = 'slices';

/**
 * Keys of one fleet. Fleets with different names may share a Redis.
 *
 * @param fleet @default 'fetchfleet'
 * @param count how many shards it has, where that is known already. @default 1
 */
export function fleetKeys(fleet = 'fetchfleet', count = 1): FleetKeys {
  const home = shardKeys(fleet, 0);
  const root = `{${fleet}}`;
  let shards: readonly ShardKeys[] = [home];
  const setShards = (to: number): void => {
    if (to !== shards.length) {
      shards = shardTags(fleet, to).map(shardKeys);
    }
  };
  setShards(count);
  const shardOf = (id: string): ShardKeys => shards[shardInId(id)] ?? home;
  const shardOfSchedule = (id: string): ShardKeys => shards[shardOfName(id, shards.length)] ?? home;
  const shardOfSlice = (id: string): ShardKeys => shardOf(id.slice(0, id.lastIndexOf('.')));
  const batch = (id: string): string => `${shardOf(id).batchPrefix}${id}`;
  const schedule = (id: string): string => `${shardOfSchedule(id).queuePrefix}:schedule:${id}`;
  return {
    home,
    get shards() {
      return shards;
    },
    setShards,
    shardOf,
    shardOfSlice,
    shardOfSchedule,
    slice: (id) => shardOfSlice(id).queue(id),
    shardCount: `${root}:shards`,
    workers: home.workers,
    workersInfo: home.workersInfo,
    drains: `${root}:drains`,
    exporter: `${root}:exporter`,
    history: `${root}:history`,
    probe: `${root}:probe`,
    batch,
    packed: (id) => `${batch(id)}:packed`,
    settled: (id) => `${batch(id)}:settled`,
    failed: (id) => `${batch(id)}:failed`,
    pages: (id) => `${batch(id)}:pages`,
    pausedSlices: (id) => `${batch(id)}:parked`,
    expansion: (id) => `${batch(id)}:expansion`,
    missingSecrets: (id) => `${batch(id)}:missing-secrets`,
    gateNotifications: `${root}:gate-news`,
    gateNotificationCount: `${root}:gate-news-count`,
    schedule,
    scheduleRuns: (id) => `${schedule(id)}:runs`,
    scheduleBatches: (id) => `${schedule(id)}:batches`,
    scheduleList: (id, sha) => `${shardOfSchedule(id).queuePrefix}:schedule-list:${id}:${sha}`,
    scheduleCheck: `${root}:schedule-check`,
    origins: `${root}:origins`,
    originWork: `${root}:origin-work:`,
    originsWithSettings: `${root}:origins-with-settings`,
    waitlist: (origin) => `${fleet}:gate-line:{${origin}}`,
    gateSettings: (origin) => `${fleet}:gate-settings:{${origin}}`,
    gate: (origin) => `${fleet}:gate:{${origin}}`,
    robots: (origin) => `${fleet}:robots:{${origin}}`,
  };
}

function shardKeys(tag: string, index: number): ShardKeys {
  const root = `{${tag}}`;
  return {
    index,
    queuePrefix: root,
    queue: (part) => `${root}:${SLICES}:${part}`,
    virtualClock: `${root}:fair-clock`,
    batches: `${root}:batches`,
    unfinished: `${root}:unfinished`,
    batchPrefix: `${root}:batch:`,
    removals: `${root}:removals`,
    folderRemovals: `${root}:folder-removals`,
    outbox: `${root}:outbox`,
    outboxDue: `${root}:outbox-due`,
    outboxLost: `${root}:outbox-lost`,
    totals: `${root}:totals`,
    schedules: `${root}:schedule-ids`,
    workers: `${root}:workers`,
    workersInfo: `${root}:workers-info`,
  };
}
