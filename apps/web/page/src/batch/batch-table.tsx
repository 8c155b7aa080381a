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
  /** All of them have ended. */
  readonly hasEnded?: boolean;
  /** Where rows lead. @default the batch */
  readonly leadsTo?: 'records' | undefined;
}

export function BatchTable({ label, batches, empty, hasEnded, leadsTo }: BatchTableProps) {
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
    ...(hasEnded === true ? ENDED : UNDER_WAY),
    {
      title: 'failed',
      align: 'right',
      cell: ({ batch, failed }) =>
        failed === 0 ? (
          <span class="quiet">–</span>
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

const UNDER_WAY: readonly Column<WatchedBatch>[] = [
  {
    title: 'rate',
    align: 'right',
    cell: ({ state, paceNow }) =>
      paceNow === null || state !== 'running' ? <span class="quiet">–</span> : formatRate(paceNow),
    rank: 2,
  },
  {
    title: 'through',
    align: 'right',
    cell: ({ leftMs }) =>
      leftMs === null ? <span class="quiet">–</span> : <>in {whole(leftMs)}</>,
    rank: 1,
  },
];

const ENDED: readonly Column<WatchedBatch>[] = [
  {
    title: 'rate',
    align: 'right',
    cell: ({ fetchesPerSecond }) => formatRate(fetchesPerSecond),
    rank: 2,
  },
  {
    title: 'ended',
    align: 'right',
    cell: ({ finishedAt, cancelledAt }) => {
      const at = finishedAt ?? cancelledAt;
      return at === null ? <span class="quiet">–</span> : <Ago at={at} />;
    },
    rank: 1,
  },
];
