import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { backoffMs, MAX_BACKOFF_MS } from '../../src/outcome/backoff.ts';

describe('backoffMs', () => {
  it.each([
    [0, 1000],
    [1, 2000],
    [5, 32_000],
    [9, MAX_BACKOFF_MS],
    [5000, MAX_BACKOFF_MS],
  ])('delays attempt %s by up to %s ms', (attempt, bound) => {
    expect(backoffMs({ attempt, baseMs: 1000, random: () => 1 })).toBe(bound);
    expect(backoffMs({ attempt, baseMs: 1000, random: () => 0.5 })).toBe(bound / 2);
    expect(backoffMs({ attempt, baseMs: 1000, random: () => 0 })).toBe(0);
  });

  it('stays within its bounds', () => {
    const inputs = { attempt: fc.nat(10_000), baseMs: fc.nat(3_600_000), capMs: fc.nat(3_600_000) };
    fc.assert(
      fc.property(fc.record(inputs), (options) => {
        const ms = backoffMs({ ...options, random: Math.random });
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(options.capMs);
      }),
    );
  });
});
