import { formatBytes, formatDuration } from '@fetchfleet/crawl/units';
import { useState } from 'preact/hooks';
import type { RecordDetail as RecordDocument } from '../../../src/api/documents.ts';
import { useRead } from '../api/use-read.ts';
import { Outcome } from '../batch/outcome.tsx';
import { say } from '../part/notice.tsx';
import { run } from '../part/run.ts';
import { Clock } from '../part/time.tsx';
import { route, to } from '../route/route.ts';
import { FetchedAgain, type FetchedRecord } from './fetched-again.tsx';
import { RecordBody } from './record-body.tsx';

/** What a record may have besides what lists show. */
type Whole = RecordDocument['record'] & {
  readonly attempts?: number;
  readonly contentType?: string;
  readonly worker?: string;
  readonly finalUrl?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly error?: { readonly code: string; readonly message: string };
  readonly unchanged?: { readonly batch: string; readonly index: number };
};

interface RecordDetailProps {
  readonly batch: string;
  /** `17`, or `17.2` for its second page. */
  readonly id: string;
  /** Records that stand in the table. */
  readonly isListed: ReadonlySet<string>;
  readonly canChange: boolean;
}

/** One record with everything that is known of it. */
export function RecordDetail({ batch, id, isListed, canChange }: RecordDetailProps) {
  const path = `batches/${encodeURIComponent(batch)}/records/${id}`;
  const { value: found, error } = useRead<RecordDocument>(path);
  if (found === undefined) {
    return error === undefined ? (
      <p class="quiet">Reading …</p>
    ) : (
      <p role="alert">{error.message}</p>
    );
  }
  const { body, pages, curl } = found;
  const record: Whole = found.record;
  return (
    <div class="detail record">
      <Actions batch={batch} record={record} curl={curl} canChange={canChange} />
      <Facts record={record} />
      {pages !== null && <Pages record={record} pages={pages} isListed={isListed} />}
      {record.finalUrl !== undefined && (
        <p>
          <span class="quiet">led to</span> <span class="id">{record.finalUrl}</span>
        </p>
      )}
      {record.unchanged !== undefined && (
        <Unchanged unchanged={record.unchanged} hasBody={body !== null} />
      )}
      {record.error !== undefined && (
        <p class="problem">
          {record.error.code}: {record.error.message}
        </p>
      )}
      {record.headers !== undefined && <Headers headers={record.headers} />}
      {body !== null && <RecordBody path={`api/${path}/body`} body={body} />}
    </div>
  );
}

interface ActionsProps {
  readonly batch: string;
  readonly record: Whole;
  readonly curl: string | null;
  readonly canChange: boolean;
}

function Actions({ batch, record, curl, canChange }: ActionsProps) {
  const [fetched, setFetched] = useState<FetchedRecord>();
  const [isBusy, setBusy] = useState(false);
  const { url, index } = record;
  const fetchAgain = async (): Promise<void> => {
    setBusy(true);
    const options = { index: String(index) };
    const answer = await run({ command: 'fetch-again', target: batch, options });
    setBusy(false);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what `show --json` prints
    setFetched((answer?.document ?? undefined) as FetchedRecord | undefined);
  };
  return (
    <>
      <p class="url">
        <span class="id">{url}</span>
        <span class="actions">
          <Copy title="copy URL" text={url} />
          {curl !== null && <Copy title="copy as curl" text={curl} />}
          {canChange && (
            <button type="button" disabled={isBusy} onClick={() => void fetchAgain()}>
              {isBusy ? 'fetching …' : 'fetch again'}
            </button>
          )}
        </span>
      </p>
      {fetched !== undefined && <FetchedAgain record={fetched} />}
    </>
  );
}

function Facts({ record }: { readonly record: Whole }) {
  const { outcome, status, attempts, durationMs, bytes, contentType, worker, startedAt } = record;
  return (
    <p class="counts">
      <Outcome outcome={outcome} />
      {status !== null && <span>{status}</span>}
      {attempts !== undefined && <span>attempt {attempts}</span>}
      <span>{formatDuration(durationMs)}</span>
      <span>{formatBytes(bytes)}</span>
      {contentType !== undefined && <span class="quiet">{contentType}</span>}
      {worker !== undefined && <span class="quiet">{worker}</span>}
      <Clock at={startedAt} />
    </p>
  );
}

interface PagesProps {
  readonly record: Whole;
  readonly pages: number;
  readonly isListed: ReadonlySet<string>;
}

/** The other pages of the same fetch. */
function Pages({ record: { index, page }, pages, isListed }: PagesProps) {
  const { path, query } = route.value;
  const at = page ?? 1;
  const address = (other: number): string => {
    const open = `${index}.${other}`;
    const place = isListed.has(open) ? {} : { from: open, before: undefined };
    return to(path, { ...query, ...place, open });
  };
  return (
    <p class="pages">
      <span>
        page {at} of {pages}
      </span>
      {at > 1 && (
        <a class="button" href={address(at - 1)} aria-label="Page before">
          ‹
        </a>
      )}
      {at < pages && (
        <a class="button" href={address(at + 1)} aria-label="Next page">
          ›
        </a>
      )}
    </p>
  );
}

interface UnchangedProps {
  readonly unchanged: NonNullable<Whole['unchanged']>;
  readonly hasBody: boolean;
}

function Unchanged({ unchanged: { batch, index }, hasBody }: UnchangedProps) {
  return (
    <p>
      <span class="quiet">unchanged: the body is {hasBody ? 'that of' : 'in'} record</span>{' '}
      <a href={to(['batches', batch, 'records'], { from: index, open: index })}>
        {index} <span class="quiet">of</span> <span class="id">{batch}</span>
      </a>
    </p>
  );
}

function Headers({ headers }: { readonly headers: Readonly<Record<string, string>> }) {
  return (
    <details>
      <summary>headers ({Object.keys(headers).length})</summary>
      <dl>
        {Object.entries(headers).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="id">{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

function Copy({ title, text }: { readonly title: string; readonly text: string }) {
  return (
    <button
      type="button"
      onClick={() => {
        navigator.clipboard.writeText(text).then(
          () => say('Copied'),
          () => say(text), // not on plain http: it can be marked and copied from there
        );
      }}
    >
      {title}
    </button>
  );
}
