import { formatBytes, formatDuration } from '@fetchfleet/crawl/units';
import { Outcome } from '../batch/outcome.tsx';
import { JsonTree } from './json-tree.tsx';
import { LongText } from './record-body.tsx';

/** A record as `show --again --json` prints it. */
export interface FetchedRecord {
  readonly outcome: string;
  readonly status?: number;
  readonly durationMs: number;
  readonly bytes: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly bodyEncoding?: string;
  readonly body?: unknown;
}

/** What the origin answers now. It is shown, and stored nowhere. */
export function FetchedAgain({ record }: { readonly record: FetchedRecord }) {
  const { outcome, status, durationMs, bytes, error, bodyEncoding, body } = record;
  return (
    <section class="again" aria-label="Fetched again">
      <p class="counts">
        <span class="quiet">now</span>
        <Outcome outcome={outcome} />
        {status !== undefined && <span>{status}</span>}
        <span>{formatDuration(durationMs)}</span>
        <span>{formatBytes(bytes)}</span>
        {error !== undefined && (
          <span class="problem">
            {error.code}: {error.message}
          </span>
        )}
      </p>
      {body !== undefined && bodyEncoding === undefined && <JsonTree value={body} />}
      {bodyEncoding === 'text' && <LongText text={String(body)} />}
    </section>
  );
}
