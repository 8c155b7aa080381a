import { describe, expect, it } from '@jest/globals';
import {
  parseLimits,
  planDescriptors,
  readDescriptorLimit,
} from '../../src/machine/descriptors.ts';

describe('planDescriptors', () => {
  it.each([
    ['no known limit', Infinity, 10_000, { concurrency: 10_000, sockets: Infinity, parts: 64 }],
    ['a large limit', 65_536, 10_000, { concurrency: 10_000, sockets: 65_408, parts: 64 }],
    ['a limit with room', 1_024, 400, { concurrency: 400, sockets: 896, parts: 64 }],
    ['a small limit', 256, 400, { concurrency: 136, sockets: 144, parts: 48 }],
    ['a small limit and few fetches', 256, 50, { concurrency: 50, sockets: 144, parts: 48 }],
    ['a limit that is too small', 20, 50, { concurrency: 1, sockets: 9, parts: 1 }],
  ])('divides %s', (_what, limit, concurrency, plan) => {
    expect(planDescriptors(limit, concurrency)).toEqual(plan);
  });
});

describe('the limit of open files', () => {
  it.each([
    ['a number', 'Max open files            256                  4096                 files', 256],
    [
      'no limit',
      'Max open files            unlimited            unlimited            files',
      Infinity,
    ],
    ['other limits only', 'Max processes             256                  4096', Infinity],
  ])('is read: %s', (_what, text, limit) => {
    expect(parseLimits(`Limit  Soft Limit  Hard Limit  Units\n${text}\n`)).toBe(limit);
  });

  it('is unknown where the system does not tell it', async () => {
    await expect(readDescriptorLimit('/nonexistent')).resolves.toBe(Infinity);
  });
});
