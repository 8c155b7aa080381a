import { formatCount } from '@fetchfleet/crawl/units';
import { useState } from 'preact/hooks';
import type { BatchesDocument, WatchedBatch } from '../../../src/api/documents.ts';
import { query, read, toError } from '../api/client.ts';
import { useLive } from '../api/live.ts';
import { useRead } from '../api/use-read.ts';
import { BatchTable } from '../batch/batch-table.tsx';
import { Filter, Filters } from '../part/filters.tsx';
import { say } from '../part/notice.tsx';
import { route } from '../route/route.ts';

const STATES = ['running', 'paused', 'expanding', 'finished', 'cancelled'];

/** All batches, the newest first. */
export function Batches({ leadsTo }: { readonly leadsTo?: 'records' }) {
  const { state = '', text = '' } = route.value.query;
  const filter = query({ state, name: text, limit: 100 });
  const first = useRead<BatchesDocument>(`batches${filter}`);
  const live = useLive<BatchesDocument>('batches');
  const [older, setOlder] = useState<{ readonly of: string; readonly pages: BatchesDocument[] }>();
  const pages = older?.of === filter ? older.pages : [];
  const rows = [first.value, ...pages].flatMap((page) => page?.batches ?? []);
  const next = [first.value, ...pages].at(-1)?.next;
  const more = async (): Promise<void> => {
    try {
      const page = await read<BatchesDocument>(`batches${filter}&before=${next}`);
      setOlder({ of: filter, pages: [...pages, page] });
    } catch (error) {
      say(toError(error).message, { isBad: true });
    }
  };
  const added = live === undefined ? 0 : countNew(live.batches, rows);
  return (
    <>
      <h1>{leadsTo === 'records' ? 'Records of which batch?' : 'Batches'}</h1>
      <Filters>
        <Filter name="state" label="state" choices={STATES} />
        <Filter name="text" label="name or id" />
        {added > 0 && text === '' && state === '' && (
          <button type="button" class="news" onClick={first.again}>
            {formatCount(added)} new
          </button>
        )}
      </Filters>
      {first.error !== undefined && <p role="alert">{first.error.message}</p>}
      {first.value !== undefined && (
        <BatchTable
          label="Batches"
          batches={rows.map((row) => newest(row, live))}
          leadsTo={leadsTo}
          isMixed
          empty={
            text === '' && state === '' ? (
              <>
                There are no batches yet. Start one with <code>fetchfleet start crawl.yaml</code>.
              </>
            ) : (
              'No batch is like that.'
            )
          }
        />
      )}
      {next != null && (
        <button type="button" onClick={() => void more()}>
          Older ones
        </button>
      )}
    </>
  );
}

/** Rows keep their place: only what they say is new. */
function newest(row: WatchedBatch, live: BatchesDocument | undefined): WatchedBatch {
  return live?.batches.find(({ batch }) => batch === row.batch) ?? row;
}

function countNew(live: readonly WatchedBatch[], rows: readonly WatchedBatch[]): number {
  const newestAt = rows[0]?.createdAt ?? '';
  return live.filter(({ createdAt }) => createdAt > newestAt).length;
}
