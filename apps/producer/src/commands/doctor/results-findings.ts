import { hostname } from 'node:os';
import { dirname } from 'node:path';
import type { LedgerReader } from '@fetchfleet/fleet';
import type { Examination, ResultsStore } from '@fetchfleet/results';
import type { Place } from '@fetchfleet/results/place';
import { diskOf } from '@fetchfleet/service';
import { formatBytes, formatDuration, formatPercent } from '../../report/units.ts';
import { type Finding, findingsOf, ok, problem, warning } from './finding.ts';

/** A flush of records waits for one write. A disk takes milliseconds, a network more. */
const SLOW_FOLDER_MS = 100;
const SLOW_ADDRESS_MS = 2_000;
const FEW_BYTES = 1_000_000_000;
const FEW_SHARE = 0.05;
/** A server that does not answer is known by then: its client waits for 10 s itself. */
const TIMEOUT_MS = 20_000;
const MAX_NAMED = 3;

export interface OpenResults {
  readonly place: Place;
  readonly store: ResultsStore;
  /** Undefined if Redis cannot be asked. */
  readonly ledger: Pick<LedgerReader, 'begunElsewhere'> | undefined;
}

/** Whether workers of this machine can write records there. */
export async function resultsFindings(open: OpenResults): Promise<readonly Finding[]> {
  const { place, store } = open;
  const written = await findingsOf('writing', async () => writingFindings(open), {
    timeoutMs: TIMEOUT_MS,
  });
  const disk =
    place.kind === 'folder'
      ? await findingsOf('free space', async () => diskFindings(store.location))
      : [];
  return [...written, ...disk];
}

async function writingFindings(open: OpenResults): Promise<readonly Finding[]> {
  const examined = await open.store.examine();
  return [...(await identityFindings(open, examined)), latencyFinding(open, examined)];
}

/** Records of unfinished batches may be in the folder that was here before. */
async function identityFindings(
  { place, store, ledger }: OpenResults,
  { id }: Examination,
): Promise<readonly Finding[]> {
  const folder = { place: place.nameFor(hostname(), store.location), id: id ?? '' };
  const begun = (await ledger?.begunElsewhere(folder)) ?? [];
  if (begun.length > 0) {
    const more = begun.length > MAX_NAMED ? ` and ${begun.length - MAX_NAMED} more` : '';
    const what = place.kind === 'folder' ? 'folder was at this path' : 'place was at this address';
    return [
      problem(
        'identity',
        `another ${what} when ${begun.slice(0, MAX_NAMED).join(', ')}${more} began: bring it ` +
          'back, or start workers with --new-results',
      ),
    ];
  }
  return [ok('identity', id === undefined ? 'no worker has written here yet' : `place ${id}`)];
}

function latencyFinding({ place }: OpenResults, { writeMs }: Examination): Finding {
  if (writeMs === undefined) {
    return ok('writing', 'there is no such folder yet; the first worker creates it');
  }
  const isFolder = place.kind === 'folder';
  const taken = writeMs < 10 ? `${writeMs.toFixed(1)} ms` : formatDuration(writeMs);
  const text = `${taken} until ${isFolder ? 'a file is on disk' : 'a write is acknowledged'}`;
  return writeMs > (isFolder ? SLOW_FOLDER_MS : SLOW_ADDRESS_MS)
    ? warning(
        'writing',
        `it takes ${text}, and records wait for it: use a faster ${isFolder ? 'disk' : 'way there'}`,
      )
    : ok('writing', `${text}; removing works, too`);
}

async function diskFindings(folder: string): Promise<readonly Finding[]> {
  const disk = await nearestDisk(folder);
  if (disk === null) {
    return [];
  }
  const { freeBytes, totalBytes } = disk;
  const share = formatPercent(freeBytes, totalBytes);
  const text = `${formatBytes(freeBytes)}, ${share} of the disk`;
  return [
    freeBytes < FEW_BYTES || freeBytes < totalBytes * FEW_SHARE
      ? warning(
          'free space',
          `only ${text}, and workers stop when it is full: prune old batches, or use another disk`,
        )
      : ok('free space', text),
  ];
}

/** Of the folder, or where it will be created. */
async function nearestDisk(folder: string): ReturnType<typeof diskOf> {
  const disk = await diskOf(folder);
  return disk === null && dirname(folder) !== folder ? nearestDisk(dirname(folder)) : disk;
}
