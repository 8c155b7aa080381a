import { setTimeout as sleep } from 'node:timers/promises';
import {
  checkRedis,
  checkWrites,
  connectRedis,
  type FleetKeys,
  isRefusal,
  redactRedisUrl,
  type RedisAddress,
  RedisUnreachableError,
} from '@fetchfleet/fleet';

/** Between two attempts while Redis refuses writes. */
const RETRY_MS = 500;

export interface WaitForRedisOptions {
  readonly address: RedisAddress;
  readonly keys: Pick<FleetKeys, 'probe'>;
  /** Ends the wait. */
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

/**
 * Waits until Redis answers and takes writes: one that is loading or a replica may not be so for
 * long. A full one takes the writes of a worker.
 *
 * @returns warnings about this Redis, one sentence each
 * @throws RedisUnfitError, RedisRefusedError, RedisUrlError if a fleet can never work on it
 */
export async function waitForRedis(options: WaitForRedisOptions): Promise<readonly string[]> {
  const { signal, onError } = options;
  for (;;) {
    try {
      return await checkOnce(options);
    } catch (error) {
      if (signal.aborted || isRefusal(error)) {
        throw error;
      }
      // The connections of the worker report that Redis is away.
      if (!(error instanceof RedisUnreachableError)) {
        onError(error);
      }
      await sleep(RETRY_MS, undefined, { signal });
    }
  }
}

async function checkOnce({ address, keys }: WaitForRedisOptions): Promise<readonly string[]> {
  const redis = await connectRedis(address);
  try {
    const check = { redis, keys, place: redactRedisUrl(address) };
    const warnings = await checkRedis(check);
    await checkWrites(check);
    return warnings;
  } finally {
    redis.disconnect();
  }
}
