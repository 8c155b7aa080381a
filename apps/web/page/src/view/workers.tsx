import { formatBytes, formatCount, formatDuration, formatRate } from '@fetchfleet/crawl/units';
import type { WorkerDocument, WorkersDocument } from '../../../src/api/documents.ts';
import { useLive } from '../api/live.ts';
import { Filter, Filters } from '../part/filters.tsx';
import { run } from '../part/run.ts';
import { Table } from '../part/table.tsx';
import { whole } from '../part/time.tsx';
import { route } from '../route/route.ts';

const SIGNS: Readonly<
  Record<WorkerDocument['state'], readonly [sign: string, kind: string, text: string]>
> = {
  working: ['▶', 'busy', 'working'],
  idle: ['·', 'quiet', 'idle'],
  draining: ['…', 'held', 'draining'],
  'sink-failing': ['✕', 'bad', 'cannot write results'],
  gone: ['✕', 'bad', 'gone'],
};

/** Who fetches, and how well. */
export function Workers({ canChange }: { readonly canChange: boolean }) {
  const live = useLive<WorkersDocument>('workers');
  if (live === undefined) {
    return null;
  }
  const { text = '' } = route.value.query;
  const workers = live.workers.filter(({ id, host }) => `${id} ${host}`.includes(text));
  return (
    <>
      <h1>Workers</h1>
      <Filters>
        <Filter name="text" label="id or host" />
      </Filters>
      <Table
        label="Workers"
        rows={workers}
        keyOf={({ id }) => id}
        columns={[
          { title: 'worker', cell: ({ id }) => <span class="id">{id}</span> },
          {
            title: 'host / pid',
            cell: ({ host, pid }) => (
              <span class="id">
                {host} / {pid}
              </span>
            ),
            rank: 1,
          },
          {
            title: 'state',
            cell: ({ state }) => {
              const [sign, kind, text_] = SIGNS[state];
              return (
                <span class={`word long ${kind}`}>
                  <span aria-hidden="true">{sign}</span> {text_}
                </span>
              );
            },
          },
          {
            title: 'in flight',
            align: 'right',
            cell: ({ inFlight, concurrency }) =>
              `${formatCount(inFlight)} of ${formatCount(concurrency)}`,
          },
          {
            title: 'pace',
            align: 'right',
            cell: ({ fetchesPerSecond }) => formatRate(fetchesPerSecond),
            rank: 3,
          },
          {
            title: 'lag p99',
            align: 'right',
            cell: ({ eventLoopLagMs }) =>
              eventLoopLagMs === undefined ? (
                <span class="quiet">–</span>
              ) : (
                formatDuration(eventLoopLagMs)
              ),
            rank: 1,
          },
          {
            title: 'memory',
            align: 'right',
            cell: ({ memoryBytes }) =>
              memoryBytes === undefined ? <span class="quiet">–</span> : formatBytes(memoryBytes),
            rank: 1,
          },
          {
            title: 'version',
            cell: ({ version, transport }) => `${version} ${transport}`,
            rank: 1,
          },
          {
            title: 'up',
            align: 'right',
            cell: ({ startedAt, lastSeenAt }) =>
              formatDuration(Date.parse(lastSeenAt) - Date.parse(startedAt)),
            rank: 2,
          },
          {
            title: 'seen',
            align: 'right',
            cell: ({ silentMs }) => `${whole(silentMs)} ago`,
            rank: 2,
          },
          ...(canChange
            ? [
                {
                  title: 'actions',
                  isTitleHidden: true,
                  align: 'right' as const,
                  cell: ({ id, state }: WorkerDocument) =>
                    (state === 'working' || state === 'idle') && (
                      <button
                        type="button"
                        onClick={() => void run({ command: 'drain', target: id })}
                      >
                        Drain
                      </button>
                    ),
                  rank: 3 as const,
                },
              ]
            : []),
        ]}
        empty={
          live.workers.length > 0 ? (
            'No worker is called like that.'
          ) : (
            <>
              No worker runs. Start one with <code>fetchfleet-worker</code>.
            </>
          )
        }
      />
    </>
  );
}
