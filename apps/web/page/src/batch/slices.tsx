import { formatCount } from '@fetchfleet/crawl/units';
import { useState } from 'preact/hooks';
import type { BatchDetail, SlicesDocument } from '../../../src/api/documents.ts';
import { useRead } from '../api/use-read.ts';
import { Table } from '../part/table.tsx';
import { now } from '../part/time.tsx';
import { to } from '../route/route.ts';

/** Between two reads of the list. */
const EVERY_MS = 3_000;

interface SlicesProps {
  readonly id: string;
  readonly counts: BatchDetail['slices'];
}

/** How many slices wait for what. Some of them are listed when somebody opens that. */
export function Slices({ id, counts }: SlicesProps) {
  const { running, queued, deferred, retrying } = counts;
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary title="A slice is up to 50 fetches of one origin. A deferred one waits for its turn there.">
        Slices: {formatCount(running)} running · {formatCount(queued)} queued ·{' '}
        {formatCount(deferred)} deferred · {formatCount(retrying)} retrying
      </summary>
      {isOpen && <List id={id} />}
    </details>
  );
}

function List({ id }: Pick<SlicesProps, 'id'>) {
  const round = Math.floor(now.value / EVERY_MS);
  const { value, error } = useRead<SlicesDocument>(
    `batches/${encodeURIComponent(id)}/slices`,
    round,
  );
  if (value === undefined) {
    return error === undefined ? (
      <p class="quiet">Reading …</p>
    ) : (
      <p class="problem" role="alert">
        {error.message}
      </p>
    );
  }
  return (
    <Table
      label="Slices"
      rows={value.slices}
      keyOf={({ indexes }) => indexes}
      empty="All that was queued is fetched."
      columns={[
        {
          title: 'fetches',
          cell: ({ indexes }) => (
            <a href={to(['batches', id, 'records'], { index: indexes })}>{shortened(indexes)}</a>
          ),
        },
        { title: 'state', cell: ({ state }) => state },
        {
          title: 'origin',
          cell: ({ origin }) => (
            <a class="id" href={to(['origins'], { open: origin })}>
              {origin}
            </a>
          ),
        },
        { title: 'count', align: 'right', cell: ({ fetches }) => formatCount(fetches) },
      ]}
    />
  );
}

/** The first ranges of many. */
function shortened(indexes: string): string {
  const ranges = indexes.split(',');
  return ranges.length > 3 ? `${ranges.slice(0, 3).join(', ')}, …` : ranges.join(', ');
}
