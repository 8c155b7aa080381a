import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@fetchfleet/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { LoopLag } from '../../src/metrics/loop-lag.ts';
import { Beat } from '../../src/process/beat.ts';

let lag: LoopLag | undefined;

afterEach(() => lag?.stop());

function hang(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until) {}
}

describe('LoopLag', () => {
  it('rests while the process does, and measures again when it is busy', async () => {
    const made = new LoopLag(new Beat().every);
    lag = made;
    expect(made.isMeasuring).toBe(true);
    await eventually(() => expect(made.isMeasuring).toBe(false));
    made.take();
    await eventually(async () => {
      hang(60);
      await sleep(30);
      expect(made.isMeasuring).toBe(true);
    });
    await eventually(async () => {
      hang(60);
      await sleep(30);
      expect(made.take().max).toBeGreaterThan(0.03);
    });
  });

  it('sees that its own look comes late while it rests', async () => {
    const made = new LoopLag(new Beat().every);
    lag = made;
    await eventually(() => expect(made.isMeasuring).toBe(false));
    made.take();
    hang(1_500);
    await sleep(1);
    expect(made.take().max).toBeGreaterThan(0.3);
    expect(made.take()).toEqual({ p50: 0, p99: 0, max: 0 });
  });
});
