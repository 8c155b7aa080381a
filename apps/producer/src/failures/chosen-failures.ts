import type { Outcome } from '@fetchfleet/crawl';
import type { BatchStatus, LedgerReader } from '@fetchfleet/fleet';
import { streamFailures } from '@fetchfleet/results';
import { type FailureFilter, isChosen, needsRecords } from './failure-filter.ts';
import { IndexSet } from './index-set.ts';

interface Choosing {
  readonly ledger: LedgerReader;
  readonly status: BatchStatus;
  readonly filter: FailureFilter;
  /** Only failures with these. */
  readonly outcomes: readonly Outcome[];
  /** The results folders to read, where the filter needs records; plain parts only. */
  readonly dirs: readonly string[];
}

/** The failures that the ledger counts and a filter chooses. */
export async function chosenFailures(choosing: Choosing): Promise<IndexSet> {
  const { ledger, status, filter, outcomes, dirs } = choosing;
  const { batch, total } = status;
  const hasFailed = await ledger.failures(batch, outcomes);
  const chosen = new IndexSet(total);
  const addIfFailed = (index: number): void => {
    if (outcomes.some((outcome) => hasFailed(index, outcome))) {
      chosen.add(index);
    }
  };
  if (needsRecords(filter)) {
    await streamFailures({
      dir: dirs,
      batch,
      total,
      onFailure: (record) => {
        if (isChosen(filter, record)) {
          addIfFailed(record.index);
        }
      },
    });
  } else {
    for (const index of filter.indexes?.below(total) ?? []) {
      addIfFailed(index);
    }
  }
  return chosen;
}
