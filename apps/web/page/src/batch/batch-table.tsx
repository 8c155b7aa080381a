import { formatCount, formatPercent, formatRate } from '@fetchfleet/crawl/units';
import type { ComponentChildren } from 'preact';
import type { WatchedBatch } from '../../../src/api/documents.ts';
import { to } from '../route/route.ts';
import { State } from './outcome.tsx';
import { Progress } from './progress.tsx';
import { type Column, Table } from '../part/table.tsx';
import { Ago, whole } from '../part/time.tsx';

interface BatchTableProps {
  readonly label: string;
  readonly batches: readonly WatchedBatch[];
  readonly empty: ComponentChildren;
  /** All of them have ended. @default none has */
  readonly hasEnded?: boolean;
  /** Some have ended. */
  readonly isMixed?: boolean;
  /** Where rows lead. @default the batch */
  readonly leadsTo?: 'records' | undefined;
}

export function BatchTable({ label, batches, empty, hasEnded, isMixed, leadsTo }: BatchTableProps) {
  const href = ({ batch }: WatchedBatch): string =>
    to(['batches', batch, ...(leadsTo === undefined ? [] : [leadsTo])]);
  const columns: Column<WatchedBatch>[] = [
    {
      title: 'batch',
      cell: (batch) => (
        <a class="id" href={href(batch)}>
          {batch.batch}
        </a>
      ),
    },
    {
      title: 'state',
      cell: ({ state, interrupted }) => <State state={interrupted ? 'interrupted' : state} />,
      rank: 3,
    },
    { title: 'progress', cell: (batch) => <Progress {...batch} />, rank: 2 },
    {
      title: 'done',
      align: 'right',
      cell: ({ settled, total }) => (
        <>
          {formatPercent(settled, total)}
          <span class="quiet wide"> of {formatCount(total)}</span>
        </>
      ),
    },
    RATE,
    endColumn(isMixed === true ? 'end' : hasEnded === true ? 'ended' : 'through'),
    {
      title: 'failed',
      align: 'right',
      cell: ({ batch, failed }) =>
        failed === 0 ? (
          NONE
        ) : (
          <a class="bad" href={to(['batches', batch, 'records'], { outcome: 'failed' })}>
            {formatCount(failed)}
          </a>
        ),
    },
  ];
  return (
    <Table
      label={label}
      columns={columns}
      rows={batches}
      keyOf={({ batch }) => batch}
      href={href}
      empty={empty}
    />
  );
}

const NONE = <span class="quiet">–</span>;

/** Of one under way the pace now, of one that has ended that of the whole. */
const RATE: Column<WatchedBatch> = {
  title: 'rate',
  align: 'right',
  cell: ({ state, paceNow, fetchesPerSecond }) => {
    if (state === 'finished' || state === 'cancelled') {
      return formatRate(fetchesPerSecond);
    }
    return paceNow === null || state !== 'running' ? NONE : formatRate(paceNow);
  },
  rank: 2,
};

/** When it is through, or when it was. */
function endColumn(title: string): Column<WatchedBatch> {
  return {
    title,
    align: 'right',
    cell: ({ leftMs, finishedAt, cancelledAt }) => {
      const at = finishedAt ?? cancelledAt;
      if (at !== null) {
        return <Ago at={at} />;
      }
      return leftMs === null ? NONE : <>in {whole(leftMs)}</>;
    },
    rank: 1,
  };
}
