import type { LedgerReader, ResultsFolder } from '@fetchfleet/fleet';
import { SinkError } from '@fetchfleet/results';
import type { Place } from '@fetchfleet/results/place';

/** Batches that the refusal names. */
const MAX_NAMED = 3;

export interface ResultsFolderCheck {
  readonly ledger: Pick<LedgerReader, 'begunElsewhere'>;
  readonly folder: ResultsFolder;
  readonly settings: { readonly results: Place; readonly newResults: boolean };
}

/**
 * Refuses a place that is not the one in which workers began batches that are unfinished: where a
 * volume is not mounted, records would go beneath its mount point; a bucket or a database may have
 * been made anew.
 *
 * @throws SinkError
 */
export async function checkResultsFolder(check: ResultsFolderCheck): Promise<void> {
  const { ledger, folder, settings } = check;
  const { kind, location } = settings.results;
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
    location,
    `another ${kind === 'folder' ? 'folder was at this path' : 'place was at this address'} when ` +
      `${begun.slice(0, MAX_NAMED).join(', ')}${more} began. ` +
      `${kind === 'folder' ? 'Mount it again' : 'Bring it back'}, or go on in this one with ` +
      '--new-results (FETCHFLEET_NEW_RESULTS=true) and ' +
      'fetch what is missing with fetchfleet verify BATCH --repair',
  );
}
