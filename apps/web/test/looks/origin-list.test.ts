import type { OriginStatus } from '@fetchfleet/fleet';
import { describe, expect, it } from '@jest/globals';
import { OriginList } from '../../src/looks/origin-list.ts';

function status(origin: string, fields: Partial<OriginStatus> = {}): OriginStatus {
  return {
    origin,
    rate: { limit: 'unlimited', source: 'none' },
    burst: 1,
    concurrency: { limit: 4, source: 'crawl file' },
    inUse: 0,
    workers: 0,
    waiting: 0,
    breaker: 'closed',
    ...fields,
  };
}

interface Fleet {
  readonly list: OriginList;
  /** Names that each read has asked for. */
  readonly reads: (readonly string[])[];
  readonly fields: Map<string, Partial<OriginStatus>>;
  nowMs: number;
}

/** A fleet with some origins, and a clock that the test turns. */
function fleetOf(count: number): Fleet {
  const names = Array.from({ length: count }, (_, at) => `https://o-${at}.example`);
  const fleet: Fleet = {
    reads: [],
    fields: new Map(),
    nowMs: 0,
    list: new OriginList(
      {
        latest: async (limit) => names.slice(0, limit),
        list: async (asked = []) => {
          fleet.reads.push(asked);
          return asked.map((name) => status(name, fleet.fields.get(name)));
        },
      },
      () => fleet.nowMs,
    ),
  };
  return fleet;
}

describe('the list of origins', () => {
  it('reads all at first, then those that are seen and a share of the others', async () => {
    const fleet = fleetOf(300);
    const look = async () => fleet.list.allWith((all) => all.slice(0, 100));
    expect(await look()).toHaveLength(300);
    expect(fleet.reads.flat()).toHaveLength(300);
    fleet.reads.length = 0;
    for (let second = 0; second < 14; second += 1) {
      fleet.nowMs += 1_000;
      await look();
    }
    const counts = fleet.reads.map((asked) => asked.length);
    expect(counts).toEqual(Array.from({ length: 14 }, () => [20, 50]).flat());
    expect(new Set(fleet.reads.flat()).size).toBe(300);
  });

  it('does not read again for somebody else what was just read', async () => {
    const fleet = fleetOf(3);
    await fleet.list.all();
    fleet.nowMs += 1_000;
    await fleet.list.some(['https://o-1.example', 'https://o-2.example']);
    await fleet.list.some(['https://o-1.example', 'https://o-9.example']);
    expect(fleet.reads.slice(1)).toEqual([
      ['https://o-1.example', 'https://o-2.example'],
      ['https://o-9.example'],
    ]);
  });

  it('has the worst first, then the busiest, and lets blocks go by', async () => {
    const fleet = fleetOf(4);
    fleet.fields.set('https://o-1.example', { waiting: 2 });
    fleet.fields.set('https://o-2.example', { waiting: 5 });
    fleet.fields.set('https://o-3.example', { blockedMs: 5_000 });
    await fleet.list.all();
    fleet.nowMs += 900;
    const all = await fleet.list.allWith(() => []);
    expect(all.map(({ origin }) => origin)).toEqual(
      [3, 2, 1, 0].map((at) => `https://o-${at}.example`),
    );
    expect(all[0]?.blockedMs).toBe(4_100);
  });
});
