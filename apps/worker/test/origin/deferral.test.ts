import type { GateAnswer } from '@fetchfleet/fleet';
import { describe, expect, it } from '@jest/globals';
import { farSlices, isRefusedBy, returnInMs, ReturnTimes } from '../../src/origin/deferral.ts';
import { phaseAfter, UNASKED } from '../../src/origin/origin-phase.ts';
import { answerOf, sliceOf } from './origin-fixture.ts';

const MINUTE = 60_000;

interface Row {
  readonly when: string;
  readonly answer: Partial<GateAnswer>;
  /** Which of three slices are deferred. */
  readonly far: readonly string[];
}

describe('of three slices with two, none and five fetches that wait', () => {
  const slices = [
    sliceOf({ id: 'b.0', waiting: 2, patienceMs: 10_000 }),
    sliceOf({ id: 'b.1', waiting: 0 }),
    sliceOf({ id: 'b.2', waiting: 5, patienceMs: 20_000 }),
  ];
  const rows: readonly Row[] = [
    { when: 'nothing is limited', answer: { paceMs: 9_000 }, far: [] },
    { when: 'all turns are near', answer: { state: 'rate', paceMs: 1_999 }, far: [] },
    {
      when: 'the next turn is far away, and that of the third soon after it',
      answer: { state: 'rate', paceMs: 1_000, againInMs: 9_000, isAlone: true },
      far: [],
    },
    { when: 'the third turn is far away', answer: { state: 'rate', paceMs: 2_000 }, far: ['b.2'] },
    {
      when: 'two workers share the pace',
      answer: { state: 'rate', paceMs: 1_001, waiters: 2 },
      far: ['b.2'],
    },
    {
      when: 'a block lasts for longer than slices wait',
      answer: { state: 'blocked', againInMs: 4_001 },
      far: ['b.0', 'b.2'],
    },
    {
      when: 'a block is over soon',
      answer: { state: 'blocked', againInMs: 4_000 },
      far: [],
    },
    {
      when: 'the origin has accepted nothing lately and its block is not over soon',
      answer: { state: 'blocked', againInMs: 2_501, deniedForMs: 1 },
      far: ['b.0', 'b.2'],
    },
    {
      when: 'the patience of the first is over',
      answer: { state: 'probing', againInMs: 500, deniedForMs: 15_000 },
      far: ['b.0'],
    },
  ];

  it.each(rows)('$far are deferred when $when', ({ answer, far }) => {
    const phase = phaseAfter(UNASKED, answerOf(answer), { wanted: 1, now: 0 });
    expect(farSlices(phase, slices, 0).map(({ slice }) => slice.id)).toEqual(far);
  });
});

describe('of slices with more fetches than have their turn soon', () => {
  it('those between two pages stay, and fresh ones are deferred', () => {
    const fresh = sliceOf({ id: 'b.0', waiting: 50 });
    const underWay = sliceOf({ id: 'b.50', waiting: 50, isUnderWay: true });
    const answer = answerOf({ state: 'rate', paceMs: 100 });
    const phase = phaseAfter(UNASKED, answer, { wanted: 1, now: 0 });
    const far = farSlices(phase, [fresh, underWay], 0);
    expect(far.map(({ slice }) => slice.id)).toEqual(['b.0']);
  });
});

describe('single requests that are sent away', () => {
  it('come back one after another, at the pace of their origin', () => {
    const times = new ReturnTimes();
    const far = { waitMs: 4_100, stepMs: 500 };
    expect([0, 0, 0].map((now) => times.next(far, now))).toEqual([4_100, 4_600, 5_100]);
    expect(times.next(far, 5_000)).toBe(4_100);
    expect(times.next({ waitMs: 4_100, stepMs: 0 }, 5_000)).toBe(4_100);
  });

  it('come back half-way if that is more than ten minutes away', () => {
    const times = new ReturnTimes();
    expect(times.next({ waitMs: 20 * MINUTE, stepMs: 0 }, 0)).toBe(10 * MINUTE);
  });
});

describe('where batches take turns', () => {
  const slices = [
    sliceOf({ id: 'a.0', batch: 'a', waiting: 50, ticket: 70 }),
    sliceOf({ id: 'a.50', batch: 'a', waiting: 50 }),
    sliceOf({ id: 'b.0', batch: 'b', waiting: 3 }),
    sliceOf({ id: 'b.3', batch: 'b', waiting: 3 }),
    sliceOf({ id: 'b.6', batch: 'b', waiting: 3, ticket: 40 }),
  ];
  it.each([
    { when: 'all turns are near', answer: { paceMs: 20 }, far: [] },
    // 53 fetches are before a.50, and 6 before b.3.
    { when: 'all of the other batch would wait', answer: { paceMs: 70 }, far: ['a.50', 'a.100'] },
    {
      when: 'the waitlist is shared: fresh ones whose turn is not at once',
      answer: { paceMs: 20, isShared: true },
      far: ['a.50', 'a.100'],
    },
    {
      when: 'the waitlist is shared, at a slow origin',
      answer: { paceMs: 200, isShared: true },
      far: ['a.50', 'a.100', 'b.3'],
    },
    {
      when: 'one has come before its turn',
      answer: { paceMs: 1, isShared: true, early: ['a.0', 'b.6'] },
      far: ['a.0', 'b.6'],
    },
    {
      when: 'one has come before its turn, and the origin accepts nothing',
      answer: { paceMs: 1, isShared: true, early: ['a.0'], deniedForMs: 1 },
      far: [],
    },
  ])('$far are deferred when $when', ({ answer, far }) => {
    const last = sliceOf({ id: 'a.100', batch: 'a', waiting: 1 });
    const phase = phaseAfter(UNASKED, answerOf({ state: 'rate', ...answer }), {
      wanted: 1,
      now: 0,
    });
    const found = farSlices(phase, [...slices, last], 0).map(({ slice }) => slice.id);
    expect(new Set(found)).toEqual(new Set(far));
  });

  it('single requests and what comes first wait before all batches, and stay', () => {
    const answer = answerOf({ state: 'rate', paceMs: 100, isShared: true, early: ['first'] });
    const phase = phaseAfter(UNASKED, answer, { wanted: 1, now: 0 });
    const found = farSlices(
      phase,
      [
        sliceOf({ id: 'first', comesFirst: true, waiting: 10, ticket: 1 }),
        sliceOf({ id: 'a.0', batch: 'a', waiting: 1 }),
        sliceOf({ id: 'hop', batch: 'a', waiting: 1, isSlice: false }),
        sliceOf({ id: 'b.0', batch: 'b', waiting: 50, ticket: 70 }),
      ],
      0,
    );
    expect(found).toMatchObject([{ slice: { id: 'a.0' }, stepMs: 100 }]);
  });
});

describe('a deferred slice', () => {
  it.each([
    { state: 'rate', deniedForMs: 0, forecastMs: 10_000, dueInMs: 16_000 },
    { state: 'rate', deniedForMs: 1, forecastMs: 10_000, dueInMs: 12_000 },
    { state: 'rate', deniedForMs: 0, forecastMs: 10 * MINUTE + 1, dueInMs: 5 * MINUTE + 1 },
    { state: 'blocked', deniedForMs: 1, forecastMs: 10_000, dueInMs: 10_000 },
    { state: 'breaker', deniedForMs: 1, forecastMs: 1_000, dueInMs: 3_000 },
  ] as const)(
    'comes back in $dueInMs ms: $state, denied for $deniedForMs ms, turn in $forecastMs ms',
    ({ state, deniedForMs, forecastMs, dueInMs }) => {
      expect(returnInMs({ state, deniedForMs, waitMs: 3_000 }, forecastMs)).toBe(dueInMs);
    },
  );

  it.each([
    { state: 'rate', deniedForMs: 0, isRefused: false },
    { state: 'concurrency', deniedForMs: 0, isRefused: false },
    { state: 'rate', deniedForMs: 1, isRefused: true },
    { state: 'blocked', deniedForMs: 0, isRefused: true },
    { state: 'breaker', deniedForMs: 0, isRefused: true },
    { state: 'probing', deniedForMs: 0, isRefused: true },
  ] as const)(
    'is bounded by patience: $isRefused, at $state and denied for $deniedForMs ms',
    ({ isRefused, ...far }) => {
      expect(isRefusedBy(far)).toBe(isRefused);
    },
  );
});
