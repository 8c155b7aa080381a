import type { BatchState } from '@fetchfleet/fleet';
import { describe, expect, it } from '@jest/globals';
import { WaitlistSweep } from '../../src/origin/waitlist-sweep.ts';

const ORIGIN = 'http://origin.example';

const isGone = (slice: string): boolean => slice.startsWith('a.');

/** A waitlist in memory; slices of batch `a` are gone. */
function sweepOf({ states = {} }: { readonly states?: Record<string, BatchState> } = {}) {
  let members: string[] = [];
  const queued: string[] = [];
  const errors: unknown[] = [];
  let steps = 0;
  const sweep = new WaitlistSweep({
    waitlist: {
      isDeferred: async (_origin, slice) => members.includes(slice),
      next: async () => {
        steps += 1;
        return members.slice(0, 4);
      },
      leave: async (_origin, slices) => {
        members = members.filter((slice) => !slices.includes(slice));
      },
      markQueued: async (_origin, slices) => {
        queued.push(...slices);
      },
      leaveBatch: async (batch) => {
        members = members.filter((slice) => !slice.startsWith(`${batch}.`));
      },
    },
    queue: {
      wakeSlices: async (slices) => slices.filter(isGone),
      findGone: async (slices) => slices.filter(isGone),
      findQueued: async (slices) => slices.filter((slice) => slice.startsWith('b.')),
    },
    ledger: {
      state: async (batch) => {
        if (batch === 'broken') {
          throw new Error('Redis is away');
        }
        return states[batch];
      },
    },
    onError: (error) => void errors.push(error),
  });
  return {
    sweep,
    errors,
    queued,
    deferred: (...slices: readonly string[]) => (members = [...slices]),
    left: () => members,
    steps: () => steps,
  };
}

describe('a slice that does not come when it is woken', () => {
  it('takes all others with it that are gone, as far as most of the next ones are', async () => {
    const { sweep, deferred, left } = sweepOf();
    deferred('a.1', 'a.2', 'b.0', 'a.3', 'a.4', 'a.5', 'b.1', 'b.2', 'b.3', 'a.6');
    await sweep.wake(ORIGIN, ['a.0']);
    expect(left()).toEqual(['b.0', 'b.1', 'b.2', 'b.3', 'a.6']);
  });

  it('is named again, unless it is gone or queued', async () => {
    const { sweep, deferred, left, queued } = sweepOf();
    deferred('a.0', 'b.1');
    await sweep.wakeAgain(ORIGIN, ['a.0', 'b.0', 'at-a-worker.0']);
    expect(left()).toEqual(['b.1']);
    expect(queued).toEqual(['b.0']);
  });

  it('costs nothing where all come', async () => {
    const { sweep, deferred, steps } = sweepOf();
    deferred('b.1');
    await sweep.wake(ORIGIN, ['b.0']);
    expect(steps()).toBe(0);
  });
});

describe('a batch that has not asked for a while', () => {
  it.each([
    { state: 'running', isLeft: true },
    { state: 'expanding', isLeft: true },
    { state: 'paused', isLeft: false },
    { state: 'cancelled', isLeft: false },
    { state: 'finished', isLeft: false },
    { state: undefined, isLeft: false },
  ] as const)('keeps its place if it is running: $state', async ({ state, isLeft }) => {
    const { sweep, deferred, left } = sweepOf({ states: state === undefined ? {} : { c: state } });
    deferred('c.0', 'd.0');
    await sweep.removeEnded(ORIGIN, ['c']);
    expect(left()).toEqual(isLeft ? ['c.0', 'd.0'] : ['d.0']);
  });

  it('keeps its place while Redis cannot be asked', async () => {
    const { sweep, deferred, left, errors } = sweepOf();
    deferred('c.0');
    await sweep.removeEnded(ORIGIN, ['broken']);
    expect(left()).toEqual(['c.0']);
    expect(errors).toHaveLength(1);
  });
});
