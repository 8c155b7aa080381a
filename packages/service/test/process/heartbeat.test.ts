import { describe, expect, it } from '@jest/globals';
import { Heartbeat } from '../../src/process/heartbeat.ts';

describe('Heartbeat', () => {
  it('is alive until its silence is longer than allowed, and again after a beat', () => {
    let now = 1_000;
    const heartbeat = new Heartbeat(() => now);
    now += 500;
    expect(heartbeat.isAlive(500)).toBe(true);
    now += 1;
    expect(heartbeat.isAlive(500)).toBe(false);
    expect(heartbeat.silenceMs).toBe(501);
    heartbeat.beat();
    expect(heartbeat.isAlive(0)).toBe(true);
  });
});
