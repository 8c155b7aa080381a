import type { ClaimedSlice } from '@fetchfleet/fleet';
import { Heartbeat } from '@fetchfleet/service';
import { eventually } from '@fetchfleet/testing';
import { describe, expect, it, jest } from '@jest/globals';
import { Permits } from '../../src/permits/permits.ts';
import { ClaimLoop } from '../../src/slice/claim-loop.ts';

async function done(): Promise<void> {}

class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

function claimOf(id: string): ClaimedSlice {
  return {
    id,
    data: undefined,
    redeliveries: 0,
    lostInVain: async () => 0,
    lost: new AbortController().signal,
    complete: done,
    drop: done,
    delay: done,
    giveBack: done,
    reject: done,
    split: async () => false,
  };
}

/** A loop over a queue in memory. An empty queue answers a blocking claim when it is paused. */
function startLoop({
  queued,
  permits = new Permits(100),
  process = async () => undefined,
  heartbeat = new Heartbeat(),
}: {
  readonly queued: readonly (string | Error)[];
  readonly permits?: Permits;
  readonly heartbeat?: Heartbeat;
  readonly process?: (id: string, onPermitsRequested: () => void) => Promise<void>;
}) {
  const left = [...queued];
  const paused = Promise.withResolvers<undefined>();
  const errors: Error[] = [];
  const processed: string[] = [];
  let isBlocking = false;
  const loop = new ClaimLoop({
    claims: {
      claim: async (options) => {
        const next = left.shift();
        if (next instanceof Error) {
          throw next;
        }
        if (next !== undefined) {
          return claimOf(next);
        }
        isBlocking = options?.block === true;
        return isBlocking ? paused.promise : undefined;
      },
      pause: async () => paused.resolve(undefined),
    },
    permits,
    process: async ({ id }, onPermitsRequested) => {
      processed.push(id);
      await process(id, onPermitsRequested);
    },
    heartbeat,
    onError: (error) => {
      errors.push(error);
    },
  });
  loop.start();
  return { loop, processed, errors, left, isBlocking: () => isBlocking };
}

describe('the claim loop', () => {
  it('processes all slices and then blocks until there are more', async () => {
    const { loop, processed, isBlocking } = startLoop({ queued: ['a', 'b', 'c'] });
    await eventually(isBlocking);
    expect(processed).toEqual(['a', 'b', 'c']);
    expect(loop.isClaiming).toBe(true);
    await loop.stop();
  });

  it('measures how long a claim takes, but not how long it waited for work', async () => {
    const permits = new Permits(100);
    const measured = jest.spyOn(permits.lead, 'addClaim');
    const { loop, isBlocking } = startLoop({ queued: ['a', 'b', 'c'], permits });
    await eventually(isBlocking);
    expect(measured).toHaveBeenCalledTimes(2);
    await loop.stop();
  });

  it('claims no slice while the worker has no capacity', async () => {
    const permits = new Permits(4);
    const { loop, processed } = startLoop({
      queued: ['a', 'b', 'c'],
      permits,
      process: async (_id, onPermitsRequested) => {
        permits.addDemand(5);
        onPermitsRequested();
      },
    });
    await eventually(() => processed.length === 1);
    expect(loop.isClaiming).toBe(false);
    permits.addDemand(-5);
    await eventually(() => processed.length === 2);
    permits.addDemand(-5);
    await eventually(() => processed.length === 3);
    const stopped = loop.stop();
    permits.addDemand(-5);
    await stopped;
  });

  it('goes on after a claim or a slice has failed', async () => {
    const { loop, processed, errors, isBlocking } = startLoop({
      queued: [new Error('Redis is away'), 'a', 'b'],
      process: async (id) => {
        if (id === 'a') {
          throw new Error('the claim is lost');
        }
      },
    });
    await eventually(isBlocking);
    expect(processed).toEqual(['a', 'b']);
    expect(errors.map(({ message }) => message)).toEqual(['Redis is away', 'the claim is lost']);
    await loop.stop();
  });

  it('makes no progress while Redis answers claims with errors, and says with which', async () => {
    const moved = new ReplyError('MOVED 8123 127.0.0.1:7001');
    const heartbeat = new Heartbeat();
    const beats: number[] = [];
    heartbeat.beat = () => beats.push(performance.now());
    const { loop, errors, isBlocking } = startLoop({
      queued: ['a', moved, moved, new Error('Connection is closed')],
      permits: new Permits(10),
      heartbeat,
    });
    await eventually(() => errors.length === 1);
    expect(loop.refusal).toBe(moved.message);
    const before = beats.length;
    await eventually(() => errors.length === 3);
    expect(beats.length).toBe(before);
    await eventually(isBlocking);
    expect(loop.refusal).toBe(moved.message);
    await loop.stop();
    expect(loop.refusal).toBeUndefined();
  });

  it('is stopped when the last slice has ended', async () => {
    const slice = Promise.withResolvers<void>();
    const { loop, processed } = startLoop({
      queued: ['a'],
      process: async (_id, onPermitsRequested) => {
        onPermitsRequested();
        await slice.promise;
      },
    });
    await eventually(() => processed.length === 1);
    let isStopped = false;
    const stop = async (): Promise<void> => {
      await loop.stop();
      isStopped = true;
    };
    const stopping = stop();
    await Promise.resolve();
    expect(isStopped).toBe(false);
    slice.resolve();
    await stopping;
  });
});
