import { describe, expect, it } from '@jest/globals';
import { BacklogPoller } from '../../src/origin/backlog-poller.ts';
import { answerOf } from './origin-fixture.ts';

const NOW = 1_000;
const BACKLOG = answerOf({ state: 'rate', deferred: 3, waiters: 1, paceMs: 5 });

/** A poller whose slices still wait here while slices are deferred elsewhere. */
function polling(): BacklogPoller {
  const poller = new BacklogPoller();
  poller.apply(BACKLOG, { hasWaitingSlices: true, now: NOW });
  return poller;
}

describe('the gate is polled for deferred slices', () => {
  it.each([
    { what: 'this worker is the only one', waiters: 1, paceMs: 1_000, everyMs: 200 },
    { what: 'another one polls, at a fast origin', waiters: 2, paceMs: 5, everyMs: 200 },
    { what: 'another one polls, at a slower origin', waiters: 2, paceMs: 20, everyMs: 400 },
    { what: 'another one polls, at a slow origin', waiters: 2, paceMs: 1_000, everyMs: 1_000 },
  ])('every $everyMs ms when $what', ({ waiters, paceMs, everyMs }) => {
    const poller = polling();
    poller.apply({ ...BACKLOG, waiters, paceMs }, { hasWaitingSlices: false, now: NOW });
    expect(poller.intervalMs(NOW)).toBe(everyMs);
  });

  it('for five seconds after the last slice here has started, and every second for twenty', () => {
    const poller = polling();
    poller.apply(BACKLOG, { hasWaitingSlices: true, now: NOW + 2_000 });
    poller.apply(BACKLOG, { hasWaitingSlices: false, now: NOW + 4_000 });
    expect(poller.intervalMs(NOW + 6_999)).toBe(200);
    expect(poller.intervalMs(NOW + 7_000)).toBe(1_000);
    expect(poller.intervalMs(NOW + 21_999)).toBe(1_000);
    expect(poller.intervalMs(NOW + 22_000)).toBeUndefined();
  });
});

describe('the gate is not polled', () => {
  it('before it has answered', () => {
    expect(new BacklogPoller().intervalMs(0)).toBeUndefined();
  });

  it('for slices that were deferred after those of this worker had started', () => {
    const poller = new BacklogPoller();
    poller.apply(BACKLOG, { hasWaitingSlices: false, now: NOW });
    expect(poller.intervalMs(NOW)).toBeUndefined();
  });

  it.each([
    { what: 'no slice is deferred', change: { deferred: 0 } },
    { what: 'the origin is blocked', change: { state: 'blocked' } },
    { what: 'the breaker is open', change: { state: 'breaker' } },
  ] as const)('when $what', ({ change }) => {
    const poller = polling();
    poller.apply({ ...BACKLOG, ...change }, { hasWaitingSlices: true, now: NOW });
    expect(poller.intervalMs(NOW)).toBeUndefined();
  });

  it('by a worker that stops, whatever it hears afterwards', () => {
    const poller = polling();
    poller.stop();
    expect(poller.intervalMs(NOW)).toBeUndefined();
    poller.apply(BACKLOG, { hasWaitingSlices: true, now: NOW });
    expect(poller.intervalMs(NOW)).toBeUndefined();
  });
});
