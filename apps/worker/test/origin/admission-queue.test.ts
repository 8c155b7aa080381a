import { describe, expect, it } from '@jest/globals';
import { AdmissionQueue } from '../../src/origin/admission-queue.ts';
import { sliceOf } from './origin-fixture.ts';

const GRANT = { onEnded: () => undefined, deniedForMs: () => 0 };

describe('waiting slices', () => {
  it('start their fetches in the order of their arrival', async () => {
    const queue = new AdmissionQueue();
    const [first, second] = [sliceOf({ waiting: 1 }), sliceOf({ waiting: 2 })];
    const admissions = [queue.add(first), queue.add(second)];
    expect([queue.size, queue.waiting, queue.first]).toEqual([2, 3, first]);
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
