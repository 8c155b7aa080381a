import { describe, expect, it } from '@jest/globals';
import { parseRedisMemory } from '../../src/queue/redis-memory.ts';

const info = (fields: Readonly<Record<string, string | number>>): string =>
  `# Memory\r\n${Object.entries(fields)
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('')}`;

describe('the memory of Redis', () => {
  it.each([
    ['has no limit', { used_memory: 5, maxmemory: 0, maxmemory_policy: 'noeviction' }, undefined],
    [
      'is the used part of the limit',
      { used_memory: 5, maxmemory: 9, maxmemory_policy: 'noeviction' },
      { usedBytes: 5, maxBytes: 9 },
    ],
    [
      'does not count buffers that the limit leaves out',
      { used_memory: 5, maxmemory: 9, mem_not_counted_for_evict: 2 },
      { usedBytes: 3, maxBytes: 9 },
    ],
    [
      'is limited where only keys with a lifetime are dropped: slices have none',
      { used_memory: 5, maxmemory: 9, maxmemory_policy: 'volatile-lru' },
      { usedBytes: 5, maxBytes: 9 },
    ],
    [
      'is never full where any key is dropped',
      { used_memory: 9, maxmemory: 9, maxmemory_policy: 'allkeys-lru' },
      undefined,
    ],
    ['is unknown if Redis does not say', {}, undefined],
  ])('%s', (_, fields, expected) => {
    expect(parseRedisMemory(info(fields))).toEqual(expected);
  });
});
