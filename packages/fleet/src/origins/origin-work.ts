import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { FleetKeys } from '../redis/keys.ts';
import { DocumentScript, Script } from '../redis/script.ts';
import { storedCount } from '../redis/stored-state.ts';
import { MARK_ACTIVE, WORK, WORK_SLOT_S } from './origin-work.lua.ts';

/** What a worker has done at an origin since it said so last. */
export interface OriginWork {
  /** Fetches that have ended, also those that are tried again. */
  readonly ended: number;
  /** Those of them that the origin refused. */
  readonly refused: number;
}

/** Fetches at an origin in the last hour, the oldest first. */
export interface OriginHour {
  readonly everyMs: number;
  /** When the last value ends, ISO 8601. */
  readonly endsAt: string;
  readonly ended: readonly number[];
  readonly refused: readonly number[];
}

interface ActiveOrigins {
  readonly keep: number;
  readonly origins: readonly (readonly [name: string, ended: number, refused: number])[];
}

const activeReply = z.object({ known: z.number() });

const scripts = {
  markActive: new DocumentScript<ActiveOrigins, typeof activeReply>(MARK_ACTIVE, activeReply),
  work: new Script(
    WORK,
    z.tuple([z.number(), z.array(z.array(storedCount.nullable().catch(null)))]),
  ),
};

interface Fleet {
  readonly redis: Redis;
  readonly keys: FleetKeys;
}

/** @param keep names that are kept */
export async function markActive(
  { redis, keys }: Fleet,
  names: readonly string[],
  { work, keep }: { readonly work: ReadonlyMap<string, OriginWork>; readonly keep: number },
): Promise<void> {
  const origins = names.map((name) => {
    const { ended = 0, refused = 0 } = work.get(name) ?? {};
    return [name, ended, refused] as const;
  });
  await scripts.markActive.run(redis, [keys.origins, keys.originWork], { keep, origins });
}

/** One script. @param origins at most 1,000 */
export async function workOfLastHour(
  { redis, keys }: Fleet,
  origins: readonly string[],
): Promise<ReadonlyMap<string, OriginHour>> {
  if (origins.length === 0) {
    return new Map();
  }
  const [now, slots] = await scripts.work.run(redis, [keys.originWork], origins);
  const everyMs = WORK_SLOT_S * 1_000;
  const endsAt = new Date((now + 1) * everyMs).toISOString();
  return new Map(
    origins.map((origin, at) => [
      origin,
      {
        everyMs,
        endsAt,
        ended: slots.map((slot) => slot[2 * at] ?? 0),
        refused: slots.map((slot) => slot[2 * at + 1] ?? 0),
      },
    ]),
  );
}
