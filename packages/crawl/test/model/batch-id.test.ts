import { describe, expect, it } from '@jest/globals';
import { isBatchId, newBatchId } from '../../src/model/batch-id.ts';

describe('newBatchId', () => {
  it('consists of the name, the minute in UTC and four characters', () => {
    const now = new Date('2026-11-23T01:17:59.999+01:00');
    expect(newBatchId('covid-confirmed', now, () => 0)).toBe('covid-confirmed-20261123-0017-aaaa');
    expect(newBatchId('covid-confirmed', now, () => 0.999)).toMatch(/-9999$/);
    expect(isBatchId(newBatchId('x'.repeat(63), now, Math.random))).toBe(true);
  });
});

describe('isBatchId', () => {
  it.each(['', '..', 'a/b', 'A-1', '-a', 'a b', 'a'.repeat(129)])('refuses %j', (text) => {
    expect(isBatchId(text)).toBe(false);
  });
});
