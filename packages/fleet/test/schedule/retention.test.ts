import { describe, expect, it } from '@jest/globals';
import type { BatchStatus } from '../../src/index.ts';
import { expiredBatches, type Retention } from '../../src/schedule/retention.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-29T06:00Z');

/** `f1` is a finished batch of yesterday; in x all failed; c, r and p are not finished. */
function statusOf(name: string): BatchStatus {
  const states = {
    f: 'finished',
    x: 'finished',
    c: 'cancelled',
    r: 'running',
    p: 'paused',
  } as const;
  const state = states[name[0] as keyof typeof states];
  const at = new Date(NOW - Number(name.slice(1)) * DAY).toISOString();
  return {
    batch: name,
    name: 'test',
    state,
    total: 1,
    settled: 1,
    ok: name.startsWith('x') ? 0 : 1,
    failed: name.startsWith('x') ? 1 : 0,
    outcomes: {},
    createdAt: at,
    ...(state === 'finished' && { finishedAt: at }),
    ...(state === 'cancelled' && { cancelledAt: at }),
    retries: 0,
    fetchesPerSecond: 0,
    durationSumMs: 0,
    bytes: 0,
    sliceSize: 1,
    source: '',
    fingerprint: '',
    resultsFolders: [],
    missingSecrets: [],
  };
}

describe('what a schedule does not keep', () => {
  const cases: [keep: Retention, newestFirst: string, expired: string][] = [
    [{ batches: 2 }, 'f1 f2 f3 f4', 'f3 f4'],
    [{ batches: 2 }, 'f1 f2', ''],
    [{ batches: 2 }, 'f1', ''],
    [{ batches: 2 }, '', ''],
    [{ batches: 1 }, 'r0 f1 f2', 'f2'],
    // What has not ended stays, however old it is.
    [{ batches: 1 }, 'f1 r2 p3 f4', 'f4'],
    // Cancelled batches do not count, and go with the finished ones around them.
    [{ batches: 2 }, 'c0 c1 f2 c3 f4 c5 f6', 'c5 f6'],
    [{ batches: 2 }, 'c0 c1 c2 f3', ''],
    [{ ms: 2 * DAY }, 'f1 f2 f3 c4', 'f3 c4'],
    // An origin that is down does not push the last results out.
    [{ batches: 1 }, 'x0 x1 f2 x3 f4', 'x1 x3 f4'],
    [{ batches: 2 }, 'x0 x1 x2', 'x2'],
    [{ batches: 2 }, 'x0 f1 x2 x3 x4', 'x2 x3 x4'],
    [{ ms: 2 * DAY }, 'x0 x3 f30 x31', 'x3 x31'],
    // The last results stay, whatever their age.
    [{ ms: 2 * DAY }, 'f30 f31', 'f31'],
    [{ ms: 2 * DAY }, 'c0 c30 c31', 'c30 c31'],
    [{ ms: 2 * DAY }, 'r30 f31 p32 f33', 'f33'],
  ];

  it.each(cases)('%j of %s is %s', (keep, names, expired) => {
    const statuses = names === '' ? [] : names.split(' ').map(statusOf);
    const found = expiredBatches(keep, {
      newest: statuses,
      oldest: statuses.toReversed(),
      nowMs: NOW,
    });
    expect(
      found
        .map(({ batch }) => batch)
        .toReversed()
        .join(' '),
    ).toBe(expired);
  });
});
