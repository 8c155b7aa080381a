import { describe, expect, it } from '@jest/globals';
import { Heartbeat } from '../../src/process/heartbeat.ts';

describe('Heartbeat', () => {
  it('measures the time since its last beat, and since its construction before the first', () => {
    let now = 1_000;
    const heartbeat = new Heartbeat(() => now);
    now += 500;
    expect(heartbeat.silenceMs).toBe(500);
    heartbeat.beat();
    expect(heartbeat.silenceMs).toBe(0);
    now += 7;
    expect(heartbeat.silenceMs).toBe(7);
  });
});
