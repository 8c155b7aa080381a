import { describe, expect, it } from '@jest/globals';
import { fleetKeys } from '../../src/index.ts';
import { idInShard, shardInId, shardOfName, shardTags } from '../../src/redis/shard-names.ts';

describe('the shard of a batch', () => {
  it.each([
    ['countries-20261123-0017-k3f9', 0],
    ['countries-20261123-0017-k3f9-s1', 1],
    ['countries-20261123-0017-k3f9-s12', 12],
    ['countries-20261123-0017-s123', 0],
    ['countries-20261123-0017-s0', 0],
    ['countries-20261123-0017-s01', 0],
    ['countries-s2-20261123-0017-k3f9', 0],
    ['', 0],
  ])('of %s is %d', (id, shard) => {
    expect(shardInId(id)).toBe(shard);
  });

  it('is named by every id but those of the first', () => {
    expect([0, 1, 63].map((shard) => idInShard('b-k3f9', shard))).toEqual([
      'b-k3f9',
      'b-k3f9-s1',
      'b-k3f9-s63',
    ]);
  });

  it('is the first one in a fleet that has no other', () => {
    expect(fleetKeys('f').batch('b-k3f9-s1')).toBe('{f}:batch:b-k3f9-s1');
    expect(fleetKeys('f', 3).batch('b-k3f9')).toBe('{f}:batch:b-k3f9');
    expect(fleetKeys('f', 3).batch('b-k3f9-s7')).toBe('{f}:batch:b-k3f9-s7');
  });

  it('has slices, parts of slices and everything else of it', () => {
    const keys = fleetKeys('f', 3);
    const [, , third] = keys.shards;
    expect(keys.shardOfSlice('b-k3f9-s2.50-52')).toBe(third);
    expect(keys.slice('b-k3f9-s2.50')).toBe(third?.queue('b-k3f9-s2.50'));
    for (const kind of ['packed', 'settled', 'failed', 'pages', 'pausedSlices'] as const) {
      expect(keys[kind]('b-k3f9-s2')).toContain(`${third?.batchPrefix}b-k3f9-s2:`);
    }
  });
});

describe('the tags of shards', () => {
  it('begin with that of a fleet without shards', () => {
    expect(shardTags('fetchfleet', 1)).toEqual(['fetchfleet']);
    expect(shardTags('fetchfleet', 3)[0]).toBe('fetchfleet');
  });

  it('are spread evenly over the slots, and stay what they are', () => {
    // As `CLUSTER KEYSLOT` has it: 2316, 7800 and 13215.
    expect(shardTags('fetchfleet', 3)).toEqual([
      'fetchfleet',
      'fetchfleet:1-57',
      'fetchfleet:2-396',
    ]);
  });
});

it('schedules spread over the shards by their ids', () => {
  const ids = Array.from({ length: 300 }, (_, n) => `schedule-${n}`);
  const counts = [0, 1, 2].map((shard) => ids.filter((id) => shardOfName(id, 3) === shard).length);
  expect(Math.min(...counts)).toBeGreaterThan(60);
  expect(ids.every((id) => shardOfName(id, 1) === 0)).toBe(true);
});
