import { connectRedis } from '@fetchfleet/fleet';
import { Beat } from '@fetchfleet/service';
import { redisUrl } from '@fetchfleet/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { WallClock } from '../../src/health/wall-clock.ts';

const HOUR_MS = 3_600_000;
/** Far less than a jump, far more than this machine may be late. */
const NEAR_MS = 60_000;

const systemNow = Date.now;

afterEach(() => {
  Date.now = systemNow;
});

/** A machine whose clock can be set. */
async function fixture(startMs = 0, isOwnProcess = true) {
  let shiftMs = startMs;
  const system = (): number => systemNow.call(Date) + shiftMs;
  Date.now = system;
  const corrections: number[] = [];
  const redis = await connectRedis(redisUrl());
  const clock = new WallClock({
    redis,
    every: new Beat().every,
    key: 'wall-clock',
    isOwnProcess,
    onCorrected: (ms) => corrections.push(ms),
  });
  await clock.start();
  return {
    corrections,
    set: (ms: number): void => void (shiftMs = ms),
    stop: (): void => {
      clock.stop();
      redis.disconnect();
      expect(Date.now).toBe(system);
    },
  };
}

function aheadMs(): number {
  return Date.now() - systemNow.call(Date);
}

describe('the clock of a worker', () => {
  it.each([HOUR_MS, -HOUR_MS])('does not jump when that of the machine does: %s ms', async (ms) => {
    const { set, stop } = await fixture();
    const before = Date.now();
    set(ms);
    expect(Date.now() - before).toBeGreaterThanOrEqual(0);
    expect(Date.now() - before).toBeLessThan(NEAR_MS);
    stop();
  });

  it('stays that of the machine in a process of others, and tells what is wrong', async () => {
    const { corrections, stop } = await fixture(HOUR_MS, false);
    expect(aheadMs()).toBeGreaterThan(HOUR_MS - NEAR_MS);
    expect(corrections).toHaveLength(1);
    stop();
  });

  it.each([HOUR_MS, -HOUR_MS])('is that of Redis on a machine that is off: %s ms', async (ms) => {
    const { corrections, stop } = await fixture(ms);
    expect(Math.abs(aheadMs())).toBeLessThan(NEAR_MS);
    expect(corrections.map((correction) => Math.round(correction / NEAR_MS) * NEAR_MS)).toEqual([
      ms,
    ]);
    stop();
  });

  it('is that of the machine where it agrees with Redis', async () => {
    const { corrections, stop } = await fixture();
    expect(Math.abs(aheadMs())).toBeLessThan(NEAR_MS / 60);
    expect(corrections).toEqual([]);
    stop();
  });
});
