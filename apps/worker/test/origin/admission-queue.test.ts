import { describe, expect, it } from '@jest/globals';
import { AdmissionQueue } from '../../src/origin/admission-queue.ts';
import type { StartGrant } from '../../src/origin/waiting-slice.ts';
import { sliceOf } from './origin-fixture.ts';

const GRANT: StartGrant = {
  holders: new Set(),
  onEnded: () => undefined,
  sendWithinMs: () => Infinity,
  deniedForMs: () => 0,
};

describe('waiting slices', () => {
  it('start their fetches in the order of their arrival', async () => {
    const queue = new AdmissionQueue();
    const [first, second] = [sliceOf({ waiting: 1 }), sliceOf({ waiting: 2 })];
    const admissions = [queue.add(first), queue.add(second)];
    expect([queue.size, queue.waiting, ...queue]).toEqual([2, 3, first, second]);
    expect([1, 2, 3, 4].map(() => queue.startNext(GRANT))).toEqual([true, true, true, false]);
    expect([first.grants, second.grants]).toEqual([[GRANT], [GRANT, GRANT]]);
    queue.releaseStarted();
    expect(await Promise.all(admissions)).toEqual([{ kind: 'started' }, { kind: 'started' }]);
    expect(queue.size).toBe(0);
  });

  it('start after those that come first, which keep their order', () => {
    const queue = new AdmissionQueue();
    const [fresh, redelivered, woken, redirected] = [
      sliceOf({ waiting: 1 }),
      sliceOf({ waiting: 1, comesFirst: true }),
      sliceOf({ waiting: 1, ticket: 70 }),
      sliceOf({ waiting: 1, comesFirst: true, isSlice: false }),
    ];
    for (const slice of [fresh, redelivered, woken, redirected]) {
      void queue.add(slice);
    }
    expect([...queue]).toEqual([redelivered, redirected, fresh, woken]);
  });

  it('with pages take turns within their batch: none may ever have started all', () => {
    const queue = new AdmissionQueue();
    const slices = ['b.0', 'b.1', 'b.2'].map((id) => sliceOf({ id, waiting: 3, hasPages: true }));
    for (const slice of slices) {
      void queue.add(slice);
    }
    for (let i = 0; i < 4; i++) {
      queue.startNext(GRANT);
    }
    expect(slices.map(({ grants }) => grants.length)).toEqual([2, 1, 1]);
  });

  it('take turns with other batches once they come first no longer', () => {
    const queue = new AdmissionQueue();
    const state = { comesFirst: true };
    const redelivered = Object.defineProperty(
      sliceOf({ id: 'a.0', batch: 'a', waiting: 20, hasPages: true }),
      'comesFirst',
      { get: () => state.comesFirst },
    );
    const other = sliceOf({ id: 'b.0', batch: 'b', waiting: 20 });
    void queue.add(redelivered);
    void queue.add(other);
    queue.startNext(GRANT);
    queue.startNext(GRANT);
    expect([redelivered.grants.length, other.grants.length]).toEqual([2, 0]);
    state.comesFirst = false;
    for (let i = 0; i < 6; i++) {
      queue.startNext(GRANT);
    }
    expect([redelivered.grants.length, other.grants.length]).toEqual([5, 3]);
    expect([...queue]).toHaveLength(2);
  });

  it('start a fetch of each batch in turn, whatever waits of the others', () => {
    const queue = new AdmissionQueue();
    const ofA = Array.from({ length: 20 }, (_, i) =>
      sliceOf({ id: `a.${i}`, batch: 'a', waiting: 50 }),
    );
    for (const slice of ofA) {
      void queue.add(slice);
    }
    const startedOfA = (): number => ofA.reduce((sum, { grants }) => sum + grants.length, 0);
    const start = (count: number): void => {
      for (let i = 0; i < count; i++) {
        queue.startNext(GRANT);
      }
    };
    start(30);
    const ofB = sliceOf({ id: 'b.0', batch: 'b', waiting: 10 });
    void queue.add(ofB);
    start(10);
    expect([startedOfA(), ofB.grants.length]).toEqual([35, 5]);
    const ofC = sliceOf({ id: 'c.0', batch: 'c', waiting: 1 });
    void queue.add(ofC);
    start(3);
    expect([startedOfA(), ofB.grants.length, ofC.grants.length]).toEqual([36, 6, 1]);
    start(20);
    expect([startedOfA(), ofB.grants.length]).toEqual([52, 10]);
    // The slices of a batch start one after another.
    expect(ofA.map(({ waiting }) => waiting).slice(0, 3)).toEqual([0, 48, 50]);
  });

  it('have no turns saved up when their batch comes back', () => {
    const queue = new AdmissionQueue();
    const ofA = sliceOf({ id: 'a.0', batch: 'a', waiting: 100 });
    const ofB = sliceOf({ id: 'b.0', batch: 'b', waiting: 1 });
    void queue.add(ofA);
    void queue.add(ofB);
    for (let i = 0; i < 40; i++) {
      queue.startNext(GRANT);
    }
    queue.releaseStarted();
    const again = sliceOf({ id: 'b.1', batch: 'b', waiting: 40 });
    void queue.add(again);
    for (let i = 0; i < 20; i++) {
      queue.startNext(GRANT);
    }
    expect([ofA.grants.length, ofB.grants.length, again.grants.length]).toEqual([49, 1, 10]);
  });

  it('stay while they have fetches to start', () => {
    const queue = new AdmissionQueue();
    const [done, waiting] = [sliceOf({ waiting: 0 }), sliceOf({ waiting: 1 })];
    void queue.add(done);
    void queue.add(waiting);
    queue.releaseStarted();
    expect([...queue]).toEqual([waiting]);
  });

  it('leave with the outcome of their deferral', async () => {
    const queue = new AdmissionQueue();
    const [deferred, failed] = [sliceOf({ waiting: 1 }), sliceOf({ waiting: 1 })];
    const admissions = [queue.add(deferred), queue.add(failed)] as const;
    const deferral = { dueInMs: 5, ticket: 7, isRefused: false, deniedForMs: 0 };
    queue.remove(deferred, Promise.resolve({ kind: 'deferred', ...deferral }));
    queue.remove(failed, Promise.reject(new Error('Redis is away')));
    expect(queue.size).toBe(0);
    expect(await admissions[0]).toEqual({ kind: 'deferred', ...deferral });
    await expect(admissions[1]).rejects.toThrow('Redis is away');
  });
});
