import type { Ledger, ResultsFolder } from '@fetchfleet/fleet';
import { SinkError } from '@fetchfleet/results';

/** Batches that the refusal names. */
const MAX_NAMED = 3;

export interface ResultsFolderCheck {
  readonly ledger: Pick<Ledger, 'begunElsewhere'>;
  readonly folder: ResultsFolder;
  readonly settings: { readonly results: string; readonly newResults: boolean };
}

/**
 * Refuses a results folder that is not the one in which workers of this machine began batches that
 * are unfinished: where a volume is not mounted, records would go beneath its mount point.
 *
 * @throws SinkError
 */
export async function checkResultsFolder(check: ResultsFolderCheck): Promise<void> {
  const { ledger, folder, settings } = check;
  if (settings.newResults) {
    return;
  }
  const begun = await ledger.begunElsewhere(folder);
  if (begun.length === 0) {
    return;
  }
  const more = begun.length > MAX_NAMED ? ` and ${begun.length - MAX_NAMED} more` : '';
  throw new SinkError(
    'write results to',
    settings.results,
    `another folder was at this path when ${begun.slice(0, MAX_NAMED).join(', ')}${more} began. ` +
      'Mount it again, or go on in this one with --new-results (FETCHFLEET_NEW_RESULTS=true) and ' +
      'fetch what is missing with fetchfleet verify BATCH --repair',
  );
}
