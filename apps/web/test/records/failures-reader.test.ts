import type { BatchStatus } from '@fetchfleet/fleet';
import type { Failures } from '@fetchfleet/results';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { FailuresReader } from '../../src/records/failures-reader.ts';

/** What is read of the ledger of a batch that runs. */
function statusOf(batch: string, failed: number, state = 'running'): BatchStatus {
  const status = { batch, state, total: 1_000, settled: failed, failed, retries: 0 };
  // The reader needs no other fields.
  return status as BatchStatus;
}

/** Nothing has to be copied. */
const FOLDERS: ConstructorParameters<typeof FailuresReader>[0] = {
  use: async (_, work) => work(['/results']),
};

describe('the reader of failures', () => {
  let reads: { readonly batch: string; readonly end: (failures: Failures) => void }[];
  let reader: FailuresReader;

  beforeEach(() => {
    jest.useFakeTimers();
    reads = [];
    reader = new FailuresReader(FOLDERS, async ({ batch }) => {
      const { promise, resolve } = Promise.withResolvers<Failures>();
      reads.push({ batch, end: resolve });
      return promise;
    });
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  it('begins no further read of a batch while one takes long', async () => {
    const asked = [];
    for (let failed = 1; failed <= 10; failed += 1) {
      asked.push(reader.read(statusOf('one', failed), 20));
      await jest.advanceTimersByTimeAsync(20_000);
    }
    asked.push(reader.read(statusOf('two', 1), 20));
    reads[0]?.end({ groups: [], skippedParts: [] });
    await jest.advanceTimersByTimeAsync(0);
    expect(reads.map(({ batch }) => batch)).toEqual(['one', 'two']);
    reads[1]?.end({ groups: [], skippedParts: [] });
    expect(await Promise.all(asked)).toHaveLength(11);
  });

  it('reads a batch that goes on again after a while', async () => {
    for (const failed of [1, 2, 3]) {
      const asked = reader.read(statusOf('one', failed), 20);
      await jest.advanceTimersByTimeAsync(0);
      reads.at(-1)?.end({ groups: [], skippedParts: [] });
      await asked;
      await jest.advanceTimersByTimeAsync(10_000);
    }
    expect(reads).toHaveLength(2);
  });

  it('reads a batch again once it has ended, however fresh the last read is', async () => {
    const asked = [reader.read(statusOf('one', 1), 20)];
    for (let time = 0; time < 2; time += 1) {
      asked.push(reader.read(statusOf('one', 2, 'finished'), 20));
    }
    await jest.advanceTimersByTimeAsync(0);
    reads[0]?.end({ groups: [], skippedParts: [] });
    await jest.advanceTimersByTimeAsync(0);
    reads[1]?.end({ groups: [], skippedParts: [] });
    expect(await Promise.all(asked)).toHaveLength(3);
    expect(reads).toHaveLength(2);
  });
});
