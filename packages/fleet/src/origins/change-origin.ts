import type { Rate } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { notifyWorkers } from '../gate/notifications.ts';
import type { FleetKeys } from '../redis/keys.ts';
import { DocumentScript } from '../redis/script.ts';
import { readStored } from '../redis/stored-state.ts';
import { CHANGE } from './change.lua.ts';
import { rateText } from './origin-status.ts';

/** Limits that a person sets for an origin. A limit that is left out stays as it is. */
export interface OriginSettings {
  readonly rate?: Rate | 'unlimited';
  /** At least 1. */
  readonly burst?: number;
  /** Fetches in flight over the whole fleet, at least 1. */
  readonly concurrency?: number | 'unlimited';
}

/** What CHANGE takes. `by` is who asks for it, `text` what the history says of it. */
type ChangeDocument = { readonly by: string } & (
  | { readonly change: 'set'; readonly fields: readonly string[]; readonly text: string }
  | { readonly change: 'unset' | 'forgotten' | 'tried' }
);

/** What CHANGE returns. */
const changeReply = z.object({
  changed: z.boolean(),
  /** What kept the origin shut, and is ended. */
  ended: z.array(z.enum(['block', 'breaker', 'robots.txt'])).default([]),
});

export type OriginChange = Readonly<z.infer<typeof changeReply>>;

const script = new DocumentScript<ChangeDocument, typeof changeReply>(CHANGE, changeReply);

/**
 * Changes an origin, and tells all workers to ask its gate before they start anything there.
 *
 * @throws StoredStateError if Redis holds something else in its place
 */
export async function changeOrigin(
  { redis, keys }: { readonly redis: Redis; readonly keys: FleetKeys },
  origin: string,
  document: ChangeDocument,
): Promise<OriginChange> {
  const changed = [keys.gate(origin), keys.gateSettings(origin), keys.robots(origin)];
  const reply = await readStored(`origin ${origin}`, script.run(redis, changed, document));
  await notifyWorkers(redis, keys, origin);
  return reply;
}

/** Fields and values of the hash of set limits; empty if nothing is to be set. */
export function settingFields({ rate, burst, concurrency }: OriginSettings): string[] {
  const fields = [
    ...(rate === undefined ? [] : ['interval', intervalUsOf(rate)]),
    ...(burst === undefined ? [] : ['burst', burst]),
    ...(concurrency === undefined
      ? []
      : ['concurrency', concurrency === 'unlimited' ? 0 : concurrency]),
  ];
  return fields.map(String);
}

/** `rate 5/s, 8 in flight` */
export function settingsText({ rate, burst, concurrency }: OriginSettings): string {
  return [
    ...(rate === undefined ? [] : [`rate ${rateText(intervalUsOf(rate))}`]),
    ...(burst === undefined ? [] : [`burst ${burst}`]),
    ...(concurrency === undefined
      ? []
      : [`${concurrency === 'unlimited' ? 'any number' : concurrency} in flight`]),
  ].join(', ');
}

/** 0: unlimited. */
function intervalUsOf(rate: Rate | 'unlimited'): number {
  return rate === 'unlimited' ? 0 : (rate.perMs * 1000) / rate.count;
}
