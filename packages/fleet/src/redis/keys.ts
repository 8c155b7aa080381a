/**
 * Every Redis key of a fleet is built here. All carry the hash tag of the fleet, so that a script may touch ledger and
 * queue together on Redis Cluster; the gate has a tag per origin, so that origins spread over the nodes.
 */
export interface FleetKeys {
  /** Prefix that BullMQ puts before its own keys. */
  readonly queuePrefix: string;
  /** A key of BullMQ's queue of slices: `wait`, `active`, `delayed`, `prioritized`, `marker`, or the id of a slice. */
  queue(part: string): string;
  /** HASH: virtual time of the queue, by which slices of many batches and origins take turns. */
  readonly fairClock: string;
  /** ZSET of batch ids, scored by the time they were registered. */
  readonly batches: string;
  /** HASH of batches that are being removed: their results folders. */
  readonly removals: string;
  /** ZSET of worker ids, scored by the time they were last seen. */
  readonly workers: string;
  /** HASH of worker ids: what each tells of itself, as JSON. */
  readonly workersInfo: string;
  /** STRING: the worker that exports the metrics of the whole fleet; expires with it. */
  readonly exporter: string;
  /** STRING: written to see whether Redis takes writes; expires at once. */
  readonly probe: string;
  /** HASH: plan, crawl, counters and state of a batch. */
  batch(id: string): string;
  /** Bitmap: one bit per fetch that has a durable record. */
  settled(id: string): string;
  /** Bitmap: one bit per fetch whose record is a failure; with a colon and an outcome behind it, those of that outcome. */
  failed(id: string): string;
  /** ZSET: slices of a paused batch, out of the queue. */
  pausedSlices(id: string): string;
  /** STRING: the producer that expands the batch just now; expires with it. */
  expansion(id: string): string;
  /** ZSET of variables that a worker of this batch lacked, scored by when. */
  missingSecrets(id: string): string;
  /** HASH: leases and pace of an origin. */
  gate(origin: string): string;
  /** ZSET: slices of an origin that were sent away, scored by their place in the line. */
  waitlist(origin: string): string;
  /** HASH: limits that a person has set for an origin; stays. */
  gateSettings(origin: string): string;
  /** Channel: origins of which every worker has to ask the gate again before it starts anything. */
  readonly gateNotifications: string;
  /** SET of ids of schedules. */
  readonly schedules: string;
  /** HASH: spec and state of a schedule. */
  schedule(id: string): string;
  /** LIST of the runs of a schedule, newest first. */
  scheduleRuns(id: string): string;
  /** STRING: a list file that is kept with a schedule, compressed. */
  scheduleList(id: string, sha: string): string;
  /** STRING: the worker that looks after all schedules just now; expires. */
  readonly scheduleCheck: string;
  /** ZSET of origins that workers work on, scored by when, in epoch seconds. */
  readonly origins: string;
  /** SET of origins that have {@link gateSettings}, whether anybody works on them or not. */
  readonly originsWithSettings: string;
  /** STRING: robots.txt of an origin as the fleet knows it. */
  robots(origin: string): string;
}

/** Name of the one queue of a fleet. */
export const SLICES = 'slices';

/** Keys of one fleet; two fleets may share a Redis under different names. @default 'fetchfleet' */
export function fleetKeys(fleet = 'fetchfleet'): FleetKeys {
  const root = `{${fleet}}`;
  const batch = (id: string): string => `${root}:batch:${id}`;
  return {
    queuePrefix: root,
    queue: (part) => `${root}:${SLICES}:${part}`,
    fairClock: `${root}:fair-clock`,
    batches: `${root}:batches`,
    removals: `${root}:removals`,
    workers: `${root}:workers`,
    exporter: `${root}:exporter`,
    probe: `${root}:probe`,
    workersInfo: `${root}:workers-info`,
    batch,
    settled: (id) => `${batch(id)}:settled`,
    failed: (id) => `${batch(id)}:failed`,
    pausedSlices: (id) => `${batch(id)}:parked`,
    expansion: (id) => `${batch(id)}:expansion`,
    missingSecrets: (id) => `${batch(id)}:missing-secrets`,
    gateNotifications: `${root}:gate-news`,
    schedules: `${root}:schedule-ids`,
    schedule: (id) => `${root}:schedule:${id}`,
    scheduleRuns: (id) => `${root}:schedule:${id}:runs`,
    scheduleList: (id, sha) => `${root}:schedule-list:${id}:${sha}`,
    scheduleCheck: `${root}:schedule-check`,
    origins: `${root}:origins`,
    originsWithSettings: `${root}:origins-with-settings`,
    waitlist: (origin) => `${fleet}:gate-line:{${origin}}`,
    gateSettings: (origin) => `${fleet}:gate-settings:{${origin}}`,
    gate: (origin) => `${fleet}:gate:{${origin}}`,
    robots: (origin) => `${fleet}:robots:{${origin}}`,
  };
}
