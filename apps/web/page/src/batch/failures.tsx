import { formatCount } from '@fetchfleet/crawl/units';
import { useState } from 'preact/hooks';
import type { FailuresDocument, RecordsSource, WatchedBatch } from '../../../src/api/documents.ts';
import { read } from '../api/client.ts';
import { useRead } from '../api/use-read.ts';
import { to } from '../route/route.ts';
import { Outcome } from './outcome.tsx';
import { RecordsPlace } from '../part/records-place.tsx';
import { run } from '../part/run.ts';
import { type Column, Table } from '../part/table.tsx';

type Group = FailuresDocument['groups'][number];

interface FailuresProps {
  readonly batch: WatchedBatch;
  /** How the records can be read; null where that is not known. */
  readonly source: RecordsSource | null;
  readonly canRetry: boolean;
}

/** What went wrong where, with an example of each. */
export function Failures({ batch: { batch, failed, state }, source, canRetry }: FailuresProps) {
  const [isWanted, setWanted] = useState(false);
  const isElsewhere = source?.kind === 'elsewhere';
  // Read again when the number, rounded to one digit, changes or the state: not with each failure.
  const round = `${failed.toExponential(0)} ${state}`;
  const path = `batches/${encodeURIComponent(batch)}/failures`;
  const { value, error, again } = useRead<FailuresDocument>(
    isElsewhere && !isWanted ? undefined : path,
    round,
  );
  const copy = async (): Promise<void> => {
    if (isElsewhere) {
      setWanted(true);
      return;
    }
    const anew = `batches/${encodeURIComponent(batch)}/records?limit=0&copy=new`;
    await read(anew).catch(() => undefined); // the next one says what has failed
    again();
  };
  return (
    <section aria-label="Failures by origin and reason">
      <h2>Failures by origin and reason</h2>
      {source !== null && !(isElsewhere && isWanted) && (
        <RecordsPlace source={source} onCopy={() => void copy()} />
      )}
      {error !== undefined && source?.kind !== 'copying' && <p role="alert">{error.message}</p>}
      {value !== undefined && (
        <Table
          label="Failures"
          rows={value.groups}
          keyOf={({ origin, outcome, reason }) => `${origin} ${outcome} ${reason}`}
          columns={columnsFor(batch, canRetry)}
          empty="The records of the failures have not been written yet."
        />
      )}
    </section>
  );
}

function columnsFor(batch: string, canRetry: boolean): Column<Group>[] {
  const records = ['batches', batch, 'records'];
  return [
    { title: 'reason', cell: ({ reason }) => <span class="bad">{reason}</span> },
    { title: 'outcome', cell: ({ outcome }) => <Outcome outcome={outcome} />, rank: 1 },
    { title: 'origin', cell: ({ origin }) => <span class="id">{origin}</span>, rank: 2 },
    {
      title: 'fetches',
      align: 'right',
      cell: ({ outcome, origin, reason, count }) => (
        <a href={to(records, { outcome, origin, status: statusIn(reason) })}>
          {formatCount(count)}
        </a>
      ),
    },
    {
      title: 'for example',
      cell: ({ example }) =>
        example === undefined ? null : (
          <a class="id" href={to(records, { from: example.index, open: example.index })}>
            {URL.parse(example.url)?.pathname ?? example.url}
          </a>
        ),
      rank: 1,
    },
    ...(canRetry
      ? [
          {
            title: 'actions',
            isTitleHidden: true,
            align: 'right' as const,
            cell: (group: Group) => (
              <button type="button" onClick={() => void retry(batch, group)}>
                Retry
              </button>
            ),
          },
        ]
      : []),
  ];
}

async function retry(target: string, { outcome, origin, reason }: Group): Promise<void> {
  const status = statusIn(reason);
  await run({
    command: 'retry',
    target,
    options: {
      outcome: [outcome],
      origin: [origin],
      ...(status !== undefined && { status: [status] }),
    },
  });
}

/** Of a reason such as `HTTP 404`. */
function statusIn(reason: string): string | undefined {
  return /^HTTP (\d{3})$/.exec(reason)?.[1];
}
