import { formatBytes } from '@fetchfleet/crawl/units';
import type { RecordsSource } from '../../../src/api/documents.ts';
import { Clock } from './time.tsx';

interface RecordsPlaceProps {
  readonly source: RecordsSource;
  /** Makes a copy, or a new one. */
  readonly onCopy: () => void;
}

/** Where the records are, unless that is simply here. */
export function RecordsPlace({ source, onCopy }: RecordsPlaceProps) {
  const { kind, location, copiedAt, doneBytes, totalBytes } = source;
  const place = <span class="id">{location}</span>;
  if (kind === 'here') {
    return null;
  }
  if (kind === 'copying') {
    const isKnown = doneBytes !== null && totalBytes !== null && totalBytes > 0;
    return (
      <p class="source quiet" role="status">
        <span>
          {isKnown ? `copying ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}` : 'copying'}{' '}
          from {place}
        </span>
      </p>
    );
  }
  return (
    <p class="source quiet">
      {kind === 'copied' && copiedAt !== null ? (
        <span>
          copied <Clock at={copiedAt} /> from {place}
        </span>
      ) : (
        <span>The records are in {place}.</span>
      )}
      <button type="button" onClick={onCopy}>
        {kind === 'copied' ? 'Copy again' : 'Copy them here'}
      </button>
    </p>
  );
}
