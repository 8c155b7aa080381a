/**
 * Every Redis key of a fleet is built here. All carry the hash tag of the fleet, so that a script may touch ledger and
 * queue together on Redis Cluster; the gate has a tag per origin, so that origins spread over the nodes.
 */
export interface FleetKeys {
  /** Prefix that BullMQ puts before its own keys. */
  readonly queuePrefix: string;
  /** ZSET of batch ids, scored by the time they were registered. */
  readonly batches: string;
  /** ZSET of worker ids, scored by the time they were last seen. */
  readonly workers: string;
  /** HASH: plan, crawl, counters and state of a batch. */
  batch(id: string): string;
  /** Bitmap: one bit per fetch that has a durable record. */
  settled(id: string): string;
  /** Bitmap: one bit per fetch whose record is a failure. */
  failed(id: string): string;
  /** STRING: the producer that expands the batch just now; expires with it. */
  expansion(id: string): string;
  /** ZSET of variables that a worker of this batch lacked, scored by when. */
  missingSecrets(id: string): string;
  /** HASH: leases and pace of an origin. */
  gate(origin: string): string;
  /** STRING: robots.txt of an origin as the fleet knows it. */
  robots(origin: string): string;
}

/** Keys of one fleet; two fleets may share a Redis under different names. @default 'fetchfleet' */
export function fleetKeys(fleet = 'fetchfleet'): FleetKeys {
  const root = `{${fleet}}`;
  const batch = (id: string): string => `${root}:batch:${id}`;
  return {
    queuePrefix: root,
    batches: `${root}:batches`,
    workers: `${root}:workers`,
    batch,
    settled: (id) => `${batch(id)}:settled`,
    failed: (id) => `${batch(id)}:failed`,
    expansion: (id) => `${batch(id)}:expansion`,
    missingSecrets: (id) => `${batch(id)}:missing-secrets`,
    gate: (origin) => `${fleet}:gate:{${origin}}`,
    robots: (origin) => `${fleet}:robots:{${origin}}`,
  };
}
