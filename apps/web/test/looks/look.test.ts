import { eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { Look } from '../../src/looks/look.ts';

interface Reading {
  readonly look: Look<{ readonly at: number; readonly value: string }>;
  readonly seen: string[];
  value: string | Error;
  reads: number;
}

function reading(everyMs = 20): Reading {
  const state: Reading = {
    seen: [],
    value: 'a',
    reads: 0,
    look: new Look({
      everyMs,
      read: async () => {
        state.reads += 1;
        if (state.value instanceof Error) {
          throw state.value;
        }
        return { at: state.reads, value: state.value };
      },
      comparable: ({ value }) => value,
    }),
  };
  return state;
}

function watch({ look, seen }: Reading): () => void {
  return look.watch({
    onDocument: ({ value }, json) => seen.push(`${value} ${JSON.parse(json).value}`),
    onError: ({ message }) => seen.push(message),
  });
}

describe('a look', () => {
  it('reads once for all who ask at the same time', async () => {
    const one = reading();
    const all = await Promise.all([one.look.get(), one.look.get(), one.look.get()]);
    expect([one.reads, all.map(({ value }) => value)]).toEqual([1, ['a', 'a', 'a']]);
  });

  it('tells every viewer of a change once, and of an error once', async () => {
    const one = reading();
    const stops = [watch(one), watch(one)];
    await eventually(() => expect(one.seen).toEqual(['a a', 'a a']));
    one.value = 'b';
    await eventually(() => expect(one.seen).toHaveLength(4));
    one.value = new Error('away');
    await eventually(() => expect(one.seen).toHaveLength(6));
    const { reads } = one;
    await eventually(() => expect(one.reads).toBeGreaterThan(reads + 2));
    one.value = 'b';
    await eventually(() => expect(one.seen).toHaveLength(8));
    expect(one.seen.slice(2)).toEqual(['b b', 'b b', 'away', 'away', 'b b', 'b b']);
    stops.forEach((stop) => stop());
  });

  it('reads at once what somebody has changed, and once more if it was just being read', async () => {
    const one = reading(3_600_000);
    const stop = watch(one);
    await eventually(() => expect(one.seen).toEqual(['a a']));
    one.value = 'b';
    one.look.expire();
    one.value = 'c';
    one.look.expire();
    await eventually(() => expect(one.seen.at(-1)).toBe('c c'));
    stop();
    one.look.expire();
    one.value = 'd';
    expect(await one.look.get()).toMatchObject({ value: 'd' });
  });

  it('rests after a read that took longer than its rest', async () => {
    let nowMs = 0;
    let reads = 0;
    const look = new Look({
      now: () => nowMs,
      read: async () => {
        nowMs += 5_000;
        reads += 1;
        return reads;
      },
    });
    expect([await look.get(), await look.get()]).toEqual([1, 1]);
    nowMs += 1_000;
    expect(await look.get()).toBe(2);
  });

  it('tells a viewer who comes later of an error that lasts', async () => {
    const one = reading();
    one.value = new Error('away');
    const stops = [watch(one)];
    await eventually(() => expect(one.seen).toEqual(['away']));
    stops.push(watch(one));
    expect(one.seen).toEqual(['away', 'away']);
    one.value = 'a';
    await eventually(() => expect(one.seen).toEqual(['away', 'away', 'a a', 'a a']));
    stops.forEach((stop) => stop());
  });

  it('gives the document to a viewer who comes later, and rests when all have left', async () => {
    const one = reading();
    const stop = watch(one);
    await eventually(() => expect(one.seen).toHaveLength(1));
    const stopOther = watch(one);
    expect(one.seen).toHaveLength(2);
    stop();
    stopOther();
    expect(one.look.viewers).toBe(0);
    const { reads } = one;
    const clock = reading();
    const stopClock = watch(clock);
    await eventually(() => expect(clock.reads).toBeGreaterThan(4));
    stopClock();
    expect(one.reads).toBeLessThanOrEqual(reads + 1);
  });
});
