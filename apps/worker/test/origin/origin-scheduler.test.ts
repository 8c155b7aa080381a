import { setImmediate as endOfTurn } from 'node:timers/promises';
import type { Gate, GateAnswer } from '@fetchfleet/fleet';
import { type FetchResult, requestedDelayOf } from '@fetchfleet/crawl';
import { closeAfterEach, eventually, track } from '@fetchfleet/testing';
import { describe, expect, it, jest } from '@jest/globals';
import { OriginScheduler } from '../../src/origin/origin-scheduler.ts';
import { ClaimLead } from '../../src/permits/claim-lead.ts';
import { type PermitRequest, Permits } from '../../src/permits/permits.ts';
import { RedisClock } from '../../src/origin/redis-clock.ts';
import { answerOf, type FakeSlice, sliceOf } from './origin-fixture.ts';

closeAfterEach();

type Call = Parameters<Gate['exchange']>[1];

const OK: FetchResult = {
  kind: 'response',
  status: 200,
  headers: {},
  body: Buffer.alloc(0),
  startedAt: 0,
  durationMs: 5,
};
const REFUSED: FetchResult = { ...OK, status: 429 };

interface Setup {
  /** Of the worker, or how many it has. @default 100 */
  readonly permits?: Permits | number;
  /** Answers an exchange; may throw as Redis does. @default grants all that is wanted */
  readonly answer?: (
    call: Call,
    count: number,
  ) => Partial<GateAnswer> | Promise<Partial<GateAnswer>>;
  /** @default performance.now */
  readonly now?: () => number;
}

/** A scheduler whose gate is a function. */
function start({ permits: total = 100, answer = grantAll, now }: Setup = {}) {
  const calls: Call[] = [];
  const errors: unknown[] = [];
  const permits = typeof total === 'number' ? new Permits(total) : total;
  let isIdle = false;
  const scheduler = new OriginScheduler({
    origin: 'http://origin.example',
    gate: {
      exchange: async (_origin, call) => {
        calls.push(call);
        const answered = await answer(call, calls.length);
        return answerOf({ nowMs: performance.now(), ...answered });
      },
      defer: async (_origin, { ticket, count }) => ({ ticket: ticket + count, dueInMs: 60_000 }),
    },
    permits,
    ...(now !== undefined && { now }),
    clock: new RedisClock(),
    crawlDelayMs: () => undefined,
    wakeSlices: () => undefined,
    wakeAgain: () => undefined,
    onSilentBatches: () => undefined,
    onChange: () => undefined,
    onClamped: () => undefined,
    onError: (error) => {
      errors.push(error);
    },
    onIdle: () => {
      isIdle = true;
    },
  });
  const slices: FakeSlice[] = [];
  track({
    what: 'an origin scheduler',
    isOpen: () => !isIdle,
    close: async () => {
      for (const slice of slices) {
        slice.waiting = 0;
        end(slice);
      }
      scheduler.stop();
      await eventually(() => isIdle);
    },
  });
  return {
    scheduler,
    permits,
    calls,
    errors,
    isIdle: () => isIdle,
    admit: (slice: FakeSlice) => {
      slices.push(slice);
      return scheduler.admit(slice);
    },
  };
}

function grantAll({ want }: Call): Partial<GateAnswer> {
  return { granted: want };
}

/** Grants a start, and then all that is asked for, in `inMs`. */
function pacedIn(inMs: number): NonNullable<Setup['answer']> {
  const paced = { state: 'rate', spacingMs: 2, againInMs: 1 } as const;
  return ({ want }, count) =>
    count === 1
      ? { ...paced, granted: 1 }
      : { ...paced, granted: want, firstInMs: inMs, againInMs: 60_000 };
}

/** A clock that can be put forward, as if the process had stood still. */
function skippingClock() {
  let skippedMs = 0;
  return {
    now: () => performance.now() + skippedMs,
    skip: (ms: number): void => {
      skippedMs += ms;
    },
  };
}

/** For slots, which last for ten milliseconds: a busy machine may take longer. */
function slowly(): number {
  return performance.now() / 10;
}

/** Grants all that is asked for, also ahead, in slots. */
function reserveAll({ want, ahead = 0 }: Call): Partial<GateAnswer> {
  return { nowMs: slowly(), granted: want, reserved: ahead, spacingMs: 0.01 };
}

/** Ends all fetches of the slice that are in flight. */
function end(slice: FakeSlice, result?: FetchResult): void {
  for (const grant of slice.grants.splice(0)) {
    grant.onEnded(result, result && requestedDelayOf(result, Date.now(), 60_000));
  }
}

describe('an origin without limits', () => {
  it('starts all fetches of a slice, and rests when the gate knows that all have ended', async () => {
    const { admit, calls, permits, isIdle } = start();
    const slice = sliceOf({ waiting: 20 });
    expect(await admit(slice)).toEqual({ kind: 'started' });
    expect(slice.grants).toHaveLength(20);
    expect(permits.inUse).toBe(20);
    end(slice, OK);
    await eventually(isIdle);
    expect(permits.inUse).toBe(0);
    expect(calls.map(({ inFlight, want, report }) => [inFlight, want, report.ended])).toEqual([
      [0, 20, 0],
      [0, 0, 20],
    ]);
  });

  it('counts its starts for the claims of the worker', async () => {
    const lead = new ClaimLead();
    const counted = jest.spyOn(lead, 'countStart');
    const { admit } = start({ permits: new Permits(100, lead) });
    await admit(sliceOf({ waiting: 20 }));
    expect(counted).toHaveBeenCalledTimes(20);
  });

  it('starts no more fetches than there are permits', async () => {
    const { admit, permits } = start({ permits: 3 });
    const slice = sliceOf({ waiting: 5 });
    const admission = admit(slice);
    await eventually(() => slice.grants.length === 3);
    expect([permits.inUse, slice.waiting]).toEqual([3, 2]);
    end(slice, OK);
    expect(await admission).toEqual({ kind: 'started' });
    expect(permits.inUse).toBe(2);
  });
});

describe('an origin whose permits are those of others', () => {
  it('is asked about in advance, and its fetches start as soon as there is a permit', async () => {
    const permits = new Permits(1);
    const [one, other] = [start({ permits }), start({ permits })];
    const [slice, next] = [sliceOf({ waiting: 1 }), sliceOf({ waiting: 1 })];
    await one.admit(slice);
    const admission = other.admit(next);
    await eventually(() => permits.isAwaited());
    expect(next.grants).toHaveLength(0);
    expect(other.calls).toMatchObject([{ want: 1, onlyIfFree: true, inFlight: 0 }]);
    end(slice, OK);
    expect(await admission).toEqual({ kind: 'started' });
    expect(other.calls).toHaveLength(1);
    expect(permits.inUse).toBe(1);
    end(next, OK);
    await eventually(other.isIdle);
    expect(other.calls).toMatchObject([{}, { want: 0, inFlight: 0, report: { ended: 1 } }]);
  });

  it('is asked again with a permit where something is limited', async () => {
    const permits = new Permits(1);
    const one = start({ permits });
    const other = start({
      permits,
      answer: ({ want, onlyIfFree }) => ({
        granted: onlyIfFree === true ? 0 : want,
        allowedInFlight: 3,
      }),
    });
    const [slice, next] = [sliceOf({ waiting: 1 }), sliceOf({ waiting: 1 })];
    await one.admit(slice);
    const admission = other.admit(next);
    await eventually(() => permits.isAwaited());
    end(slice, OK);
    expect(await admission).toEqual({ kind: 'started' });
    expect(other.calls).toMatchObject([{ onlyIfFree: true }, { want: 1, onlyIfFree: false }]);
  });

  it('gives its lease back when its slice stops before there is a permit', async () => {
    const permits = new Permits(1);
    const [one, other] = [start({ permits }), start({ permits })];
    const [slice, next] = [sliceOf({ waiting: 1 }), sliceOf({ waiting: 1 })];
    await one.admit(slice);
    void other.admit(next);
    await eventually(() => permits.isAwaited());
    next.waiting = 0;
    other.scheduler.wake();
    await eventually(other.isIdle);
    expect(other.calls).toMatchObject([{ want: 1 }, { want: 0, inFlight: 0 }]);
    expect(permits.isAwaited()).toBe(false);
  });
});

describe('a batch that comes while fetches may start without asking', () => {
  it('is asked about first, because its limits are not those of the grant', async () => {
    // The clock stands still, so that the grant does not expire.
    let isFrozen = true;
    const { admit, calls } = start({
      now: () => (isFrozen ? 0 : performance.now()),
      answer: ({ want, batches }) =>
        batches.some(({ batch }) => batch === 'strict')
          ? { state: 'concurrency', allowedInFlight: 0, againInMs: 60_000 }
          : { granted: want },
    });
    await admit(sliceOf({ waiting: 1 }));
    const strict = sliceOf({ id: 'strict.0', batch: 'strict', waiting: 5, concurrency: 1 });
    void admit(strict);
    await eventually(() => calls.length === 2 || strict.grants.length > 0);
    isFrozen = false;
    expect([strict.grants.length, calls[1]?.want]).toEqual([0, 5]);
  });
});

describe('an ended fetch of a worker that has no permit left', () => {
  it('is followed by another of its origin, when all that has arrived is read', async () => {
    // The clock stands still, so that the grant does not expire.
    let isFrozen = true;
    const { admit } = start({ permits: 2, now: () => (isFrozen ? 0 : performance.now()) });
    const slice = sliceOf({ waiting: 9 });
    void admit(slice);
    await eventually(() => slice.grants.length === 2);
    end(slice, OK);
    expect(slice.grants).toHaveLength(0);
    await endOfTurn();
    isFrozen = false;
    expect([slice.grants.length, slice.waiting]).toEqual([2, 5]);
  });

  it('gives its permit to another origin that waits for one', async () => {
    const permits = new Permits(2);
    // The clock stands still, so that the grant does not expire.
    let isFrozen = true;
    const now = (): number => (isFrozen ? 0 : performance.now());
    const [one, other] = [start({ permits, now }), start({ permits, now })];
    const [slice, next] = [sliceOf({ waiting: 100 }), sliceOf({ waiting: 6 })];
    void one.admit(slice);
    await eventually(() => slice.grants.length === 2);
    void other.admit(next);
    while (next.grants.length === 0 && slice.waiting > 0) {
      end(slice, OK);
      await endOfTurn();
    }
    isFrozen = false;
    // The other had its turn long before all of the slice had started.
    expect(slice.waiting).toBeGreaterThan(80);
    expect(next.grants).not.toHaveLength(0);
  });
});

describe('an origin with a limit of fetches in flight', () => {
  it('follows each ended fetch by another under the local grant, without a call', async () => {
    // The clock stands still, so that the grant does not expire.
    let isFrozen = true;
    const { admit, calls } = start({
      now: () => (isFrozen ? 0 : performance.now()),
      answer: ({ want, inFlight }) => ({
        granted: Math.min(want, 4 - inFlight),
        state: 'concurrency',
        allowedInFlight: 4,
        againInMs: 1_000,
      }),
    });
    const slice = sliceOf({ waiting: 40 });
    void admit(slice);
    await eventually(() => slice.grants.length === 4);
    end(slice, OK);
    await endOfTurn();
    isFrozen = false;
    expect(slice.grants).toHaveLength(4);
    expect(slice.waiting).toBe(32);
    expect(calls).toHaveLength(1);
  });
});

describe('an origin that several batches wait for', () => {
  it('has a slice deferred that came too early, and not again when it is woken', async () => {
    const limited = { state: 'rate', isShared: true, againInMs: 10_000, paceMs: 10 } as const;
    const { admit, calls } = start({
      answer: (_call, count) => ({ ...limited, early: count === 1 ? ['a.0'] : [] }),
    });
    void admit(sliceOf({ id: 'b.0', batch: 'b', waiting: 5 }));
    const slice = sliceOf({ id: 'a.0', batch: 'a', waiting: 5, ticket: 70 });
    expect(await admit(slice)).toMatchObject({ kind: 'deferred', isRefused: false });
    const again = admit(slice);
    await eventually(() => calls.length === 2);
    expect(await Promise.race([again, Promise.resolve('waits')])).toBe('waits');
  });
});

describe('an origin that refuses', () => {
  it('is reported at once, and none of its ended fetches is followed', async () => {
    const { admit, calls } = start({
      answer: ({ report, want }) =>
        report.refused > 0 ? { state: 'blocked', againInMs: 60_000 } : { granted: want },
      permits: 2,
    });
    const slice = sliceOf({ waiting: 2 });
    await admit(slice);
    const next = sliceOf({ id: 'b.1', waiting: 10 });
    const admission = admit(next);
    end(slice, REFUSED);
    expect(await admission).toMatchObject({ kind: 'deferred', dueInMs: 60_000, isRefused: true });
    expect(next.grants).toHaveLength(0);
    expect(calls.at(-1)).toMatchObject({ want: 0, report: { ended: 2, refused: 2 } });
  });

  it('gets no other fetch while the gate does not know of it', async () => {
    const ends = sliceOf({ id: 'b.1', waiting: 1 });
    const { admit } = start({
      answer: async ({ report, want }) => {
        if (report.refused === 0) {
          return { granted: want };
        }
        end(ends, OK);
        await endOfTurn();
        await endOfTurn();
        return { state: 'blocked', againInMs: 60_000 };
      },
      permits: 2,
    });
    const refused = sliceOf({ waiting: 1 });
    await Promise.all([admit(refused), admit(ends)]);
    const next = sliceOf({ id: 'b.2', waiting: 10 });
    const admission = admit(next);
    end(refused, REFUSED);
    expect(await admission).toMatchObject({ kind: 'deferred', isRefused: true });
    expect(next.grants).toHaveLength(0);
  });

  it('while it is asked about gets none of the granted starts', async () => {
    const slice = sliceOf({ waiting: 1 });
    const { admit, permits } = start({
      answer: ({ want }, count) => {
        if (count === 2) {
          end(slice, REFUSED);
        }
        // Nothing is allowed beyond what is granted: every start is asked for.
        return count > 2
          ? { state: 'blocked', againInMs: 60_000 }
          : { granted: want, allowedInFlight: 0 };
      },
    });
    await admit(slice);
    const next = sliceOf({ id: 'b.1', waiting: 10 });
    expect(await admit(next)).toMatchObject({ kind: 'deferred', isRefused: true });
    expect(next.grants).toHaveLength(0);
    await eventually(() => permits.inUse === 0);
  });
});

describe('a scheduler', () => {
  it('reports again what did not reach the gate', async () => {
    const { admit, calls, errors, isIdle, permits } = start({
      answer: (call, count) => {
        if (count === 2) {
          throw new Error('Redis is away');
        }
        return grantAll(call);
      },
    });
    const slice = sliceOf({ waiting: 2 });
    await admit(slice);
    end(slice, OK);
    await eventually(isIdle);
    expect(errors).toHaveLength(1);
    expect(calls.map(({ report }) => report.ended)).toEqual([0, 2, 2]);
    expect(permits.inUse).toBe(0);
  });

  it('gives permits back when a slice stops before its starts are due', async () => {
    const { admit, permits, scheduler, isIdle } = start({
      answer: ({ want }) => ({ granted: want, spacingMs: 60_000, firstInMs: 60_000 }),
    });
    const slice = sliceOf({ waiting: 3 });
    const admission = admit(slice);
    await eventually(() => permits.inUse === 3);
    slice.waiting = 0;
    scheduler.wake();
    expect(await admission).toEqual({ kind: 'started' });
    await eventually(isIdle);
    expect([permits.inUse, slice.grants.length]).toEqual([0, 0]);
  });

  it.each([
    { what: 'permits in hand', permits: 4 },
    { what: 'promised starts', permits: 100 },
  ])(
    'uses no answer that the gate gave before limits changed: $what',
    async ({ permits: total }) => {
      const { admit, permits, scheduler, calls } = start({
        permits: total,
        answer: ({ want }, count) => {
          if (count === 2) {
            scheduler.invalidate();
          }
          return count < 3
            ? { state: 'rate', granted: want === 4 ? 1 : want, spacingMs: 2, againInMs: 1 }
            : { state: 'blocked', againInMs: 60_000 };
        },
      });
      const slice = sliceOf({ waiting: 4 });
      expect(await admit(slice)).toMatchObject({ kind: 'deferred', isRefused: true });
      expect(calls).toHaveLength(3);
      expect([slice.grants.length, permits.inUse]).toEqual([1, 1]);
    },
  );

  it('uses no answer that comes when its leases have ended', async () => {
    const clock = skippingClock();
    const { admit, permits, calls } = start({
      permits: 4,
      now: clock.now,
      answer: ({ want }, count) => {
        clock.skip(count === 1 ? 10_001 : 0);
        return { granted: want, allowedInFlight: 4, spare: 0 };
      },
    });
    const slice = sliceOf({ waiting: 4 });
    expect(await admit(slice)).toEqual({ kind: 'started' });
    expect(calls.map(({ want, inFlight }) => [want, inFlight])).toEqual([
      [4, 0],
      [4, 0],
    ]);
    expect([slice.grants.length, permits.inUse]).toEqual([4, 4]);
  });

  it.each([
    { when: 'Redis refuses', isRefused: true },
    { when: 'Redis does not answer', isRefused: false },
  ])('ends what is in flight when its leases end: $when', async ({ isRefused }) => {
    const clock = skippingClock();
    const late = Promise.withResolvers<Partial<GateAnswer>>();
    let isAway = true;
    if (isRefused) {
      late.reject(new Error('Redis is away'));
    }
    const { admit, scheduler, permits, calls } = start({
      now: clock.now,
      answer: ({ want }, count) => (count > 1 && isAway ? late.promise : { granted: want }),
    });
    const slice = sliceOf({ waiting: 2 });
    await admit(slice);
    let lost = 0;
    for (const { holders, onEnded } of slice.grants) {
      const holder = {
        onLeaseLost: () => {
          lost += 1;
          holders.delete(holder);
          onEnded(undefined);
        },
      };
      holders.add(holder);
    }
    clock.skip(9_000);
    scheduler.wake();
    await eventually(() => calls.length > 1);
    scheduler.checkLeases();
    expect([lost, permits.inUse]).toEqual([0, 2]);
    clock.skip(2_000);
    scheduler.checkLeases();
    await eventually(() => permits.inUse === 0);
    expect(lost).toBe(2);
    slice.grants.length = 0;
    isAway = false;
    late.resolve({});
  });

  it('learns what was told while it stood still before it uses an answer', async () => {
    const clock = skippingClock();
    const { admit, scheduler, calls } = start({
      now: clock.now,
      answer: ({ want }, count) => {
        if (count > 1) {
          return { state: 'blocked', againInMs: 60_000 };
        }
        clock.skip(2_000);
        // It came before the answer, on another connection.
        setImmediate(() => scheduler.invalidate());
        return { granted: want };
      },
    });
    const slice = sliceOf({ waiting: 4 });
    expect(await admit(slice)).toMatchObject({ kind: 'deferred', isRefused: true });
    expect([calls.length, slice.grants.length]).toEqual([2, 0]);
  });

  it('gives up scheduled starts and asks again when limits have changed', async () => {
    const { admit, permits, scheduler, calls } = start({
      answer: ({ want }, count) =>
        count === 1 ? { granted: want, spacingMs: 60_000, firstInMs: 60_000 } : { granted: want },
    });
    const slice = sliceOf({ waiting: 3 });
    const admission = admit(slice);
    await eventually(() => permits.inUse === 3);
    scheduler.invalidate();
    expect(await admission).toEqual({ kind: 'started' });
    expect(slice.grants).toHaveLength(3);
    expect(calls.map(({ inFlight, want }) => [inFlight, want])).toEqual([
      [0, 3],
      [0, 3],
    ]);
  });
});

describe('an origin with a rate, at a worker with many free permits', () => {
  it('has starts promised, which hold no permit before their time', async () => {
    const { admit, calls, permits, scheduler, isIdle } = start({ answer: pacedIn(60_000) });
    const slice = sliceOf({ waiting: 5 });
    const admission = admit(slice);
    await eventually(() => calls.length === 2);
    await endOfTurn();
    expect(calls).toMatchObject([
      { want: 5, inFlight: 0 },
      { want: 4, inFlight: 1 },
    ]);
    expect(permits.inUse).toBe(1);
    slice.waiting = 0;
    scheduler.wake();
    await admission;
    end(slice, OK);
    await eventually(isIdle);
    expect(calls.at(-1)).toMatchObject({ want: 0, inFlight: 0 });
    expect(permits.inUse).toBe(0);
  });

  it('counts them as in flight for the gate', async () => {
    const { admit, calls, scheduler } = start({ answer: pacedIn(60_000) });
    void admit(sliceOf({ waiting: 60 }));
    await eventually(() => calls.length === 3);
    expect(calls.map(({ want, inFlight }) => [want, inFlight])).toEqual([
      [50, 0],
      [50, 1],
      [9, 51],
    ]);
    scheduler.stop();
  });

  it('has them taken back when it refuses', async () => {
    const { admit, calls, scheduler } = start({ answer: pacedIn(60_000) });
    const slice = sliceOf({ waiting: 5 });
    void admit(slice);
    await eventually(() => calls.length === 2);
    end(slice, REFUSED);
    await eventually(() => calls.length === 3);
    expect(calls[2]).toMatchObject({ inFlight: 0, report: { refused: 1 } });
    scheduler.stop();
  });

  it('starts each when its time has come, with a permit', async () => {
    const { admit, permits } = start({ answer: pacedIn(5) });
    const slice = sliceOf({ waiting: 5 });
    expect(await admit(slice)).toEqual({ kind: 'started' });
    expect(slice.grants).toHaveLength(5);
    expect(permits.inUse).toBe(5);
  });

  it('makes no start for which no permit is left, and asks for another', async () => {
    const permits = new Permits(10);
    let others: PermitRequest | undefined;
    const { admit, calls } = start({
      permits,
      answer: (call, count) => {
        others ??= count === 2 ? permits.request(9) : undefined;
        return pacedIn(5)(call, count);
      },
    });
    const slice = sliceOf({ waiting: 5 });
    const admission = admit(slice);
    // It asks with a permit when none was left for a start whose time had come.
    await eventually(() => permits.isAwaited());
    expect(slice.grants).toHaveLength(1);
    permits.release(others?.end() ?? 0);
    expect(await admission).toEqual({ kind: 'started' });
    expect(calls.length).toBeGreaterThan(2);
    expect(permits.inUse).toBe(5);
  });

  it.each([
    { when: 'while an answer was under way', during: true },
    { when: 'after an answer', during: false },
  ])('asks within a second about a slice that came $when', async ({ during }) => {
    const next = sliceOf({ id: 'b.1', waiting: 5, ticket: 7 });
    const { admit, calls } = start({
      answer: (_call, count) => {
        if (during && count === 1) {
          void admit(next);
        }
        return { state: 'rate', isAlone: true, spacingMs: 60_000, againInMs: 60_000 };
      },
    });
    void admit(sliceOf({ waiting: 5 }));
    await eventually(() => calls.length === 1);
    if (!during) {
      await endOfTurn();
      void admit(next);
    }
    await eventually(() => calls.length === 2);
    expect(calls[1]).toMatchObject({ arrivals: [{ slice: 'b.1', fetches: 5 }] });
  });

  it('asks when permits become free that several such origins wait for', async () => {
    const permits = new Permits(10);
    // The clock stands still until all wait.
    let startedAt = Infinity;
    const now = (): number => Math.max(0, performance.now() - startedAt);
    const request = permits.request.bind(permits);
    const slices = [1, 2, 3].map(() => sliceOf({ waiting: 20 }));
    const requested = jest.spyOn(permits, 'request').mockImplementation((most) => {
      // Requests in turns, each of which gives its permits to the next one, would never end.
      if (requested.mock.calls.length > 1_000) {
        slices.forEach((slice) => (slice.waiting = 0));
      }
      return request(most);
    });
    const paced = { state: 'rate', spacingMs: 2 } as const;
    const all = slices.map(() =>
      start({
        permits,
        now,
        answer: ({ want }, count) =>
          count === 1
            ? { ...paced, nowMs: now(), granted: 1, againInMs: 100 }
            : { ...paced, nowMs: now(), granted: want, firstInMs: 60_000, againInMs: 60_000 },
      }),
    );
    for (const [at, { admit, calls }] of all.entries()) {
      void admit(slices[at] ?? sliceOf());
      await eventually(() => calls.length === 1);
      await endOfTurn();
    }
    const others = permits.request(7);
    startedAt = performance.now() - 100;
    await eventually(() => requested.mock.calls.length === 3 + 1 + 3);
    permits.release(others.end());
    await eventually(() => all.every(({ calls }) => calls.length === 2));
    for (const { calls } of all) {
      expect(calls).toMatchObject([{}, { want: 19 }]);
    }
  });
});

describe('an origin whose rate is not used up', () => {
  it('lets fetches follow others in reserved slots without asking', async () => {
    const { scheduler, calls } = start({
      permits: 4,
      now: slowly,
      answer: (call) => ({ ...reserveAll(call), paceMs: 0.01, allowedInFlight: 1_000 }),
    });
    const slice = sliceOf({ waiting: 400 });
    const answered: FakeSlice = {
      ...slice,
      start(grant) {
        this.waiting -= 1;
        setImmediate(() => grant.onEnded(OK));
      },
    };
    expect(await scheduler.admit(answered)).toEqual({ kind: 'started' });
    // One for four each, without slots.
    expect(calls.length).toBeLessThan(60);
    expect(calls.some(({ want, ahead = 0 }) => want === 0 && ahead > 0)).toBe(true);
    scheduler.stop();
  });

  it('reserves more starts than fetches wait where fetches come as fast as they start', async () => {
    const { scheduler, calls } = start({ permits: 4, now: slowly, answer: reserveAll });
    let left = 400;
    const claimedAhead: FakeSlice = {
      ...sliceOf({ waiting: 8 }),
      start(grant) {
        left -= 1;
        this.waiting = Math.min(8, left);
        setImmediate(() => grant.onEnded(OK));
      },
    };
    expect(await scheduler.admit(claimedAhead)).toEqual({ kind: 'started' });
    expect(calls.some(({ ahead = 0 }) => ahead > 8)).toBe(true);
    scheduler.stop();
  });
});
