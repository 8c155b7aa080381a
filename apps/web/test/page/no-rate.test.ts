import { describe, expect, it } from '@jest/globals';
import { whyNoRate } from '../../page/src/batch/no-rate.ts';

const at = (minutes: number): string => new Date(minutes * 60_000).toISOString();

describe('a batch without a rate', () => {
  it.each([
    ['is under way', null, null, 'Nothing yet.'],
    ['ended three minutes ago', at(197), null, 'It was over too soon to be sampled.'],
    ['was cancelled then', null, at(197), 'It was over too soon to be sampled.'],
    ['ended more than an hour ago', at(139), null, 'Only the last hour is kept.'],
    ['was cancelled then', null, at(139), 'Only the last hour is kept.'],
  ])('says why: it %s', (_, finishedAt, cancelledAt, expected) => {
    expect(whyNoRate({ finishedAt, cancelledAt }, 200 * 60_000)).toBe(expected);
  });
});
