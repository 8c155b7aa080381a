import type {
  ScheduleDocument,
  ScheduleRunDocument,
  SchedulesDocument,
} from '../../../src/api/documents.ts';
import { useLive } from '../api/live.ts';
import { Filter, Filters } from '../part/filters.tsx';
import { run } from '../part/run.ts';
import { Table } from '../part/table.tsx';
import { absolute, Ago, Clock } from '../part/time.tsx';
import { route, to } from '../route/route.ts';

/** What runs tonight, and did it run last night? */
export function Schedules({ canChange }: { readonly canChange: boolean }) {
  const live = useLive<SchedulesDocument>('schedules');
  if (live === undefined) {
    return null;
  }
  const { text = '', open } = route.value.query;
  const schedules = live.schedules.filter(({ id, name }) => `${id} ${name}`.includes(text));
  return (
    <>
      <h1>Schedules</h1>
      <Filters>
        <Filter name="text" label="name" resets={['open']} />
        {canChange && (
          <a class="button" href={to(['new'], { as: 'schedule' })}>
            + New schedule
          </a>
        )}
      </Filters>
      <Table
        label="Schedules"
        rows={schedules}
        keyOf={({ id }) => id}
        href={({ id }) => to(['schedules'], { open: id === open ? undefined : id })}
        open={{ key: open, body: (schedule) => <History schedule={schedule} /> }}
        columns={[
          {
            title: 'schedule',
            cell: ({ id }) => (
              <a class="id" href={to(['schedules'], { open: id === open ? undefined : id })}>
                {id}
              </a>
            ),
          },
          {
            title: 'when',
            cell: ({ cron, tz }) => (
              <>
                <code>{cron}</code> <span class="quiet">{tz}</span>
              </>
            ),
            rank: 2,
          },
          {
            title: 'next',
            cell: ({ nextRun, paused }) =>
              nextRun === null ? (
                <span class="word held">{paused ? '❚❚ paused' : 'never'}</span>
              ) : (
                <Ago at={nextRun} />
              ),
          },
          { title: 'last', cell: ({ lastRun }) => lastRun && <Run run={lastRun} />, rank: 3 },
          { title: 'runs', cell: ({ runs }) => <Runs runs={runs} />, rank: 1 },
          ...(canChange
            ? [
                {
                  title: 'actions',
                  isTitleHidden: true,
                  align: 'right' as const,
                  cell: (schedule: ScheduleDocument) => <Actions schedule={schedule} />,
                },
              ]
            : []),
        ]}
        empty={
          <>
            Nothing is scheduled. Add a schedule with{' '}
            <code>fetchfleet schedule add crawl.yaml --cron "0 2 * * *"</code>.
          </>
        }
      />
    </>
  );
}

function Actions({ schedule: { id, paused } }: { readonly schedule: ScheduleDocument }) {
  const command = paused ? 'schedule resume' : 'schedule pause';
  return (
    <span class="actions">
      <button type="button" onClick={() => void run({ command: 'schedule run-now', target: id })}>
        Run now
      </button>
      <button type="button" onClick={() => void run({ command, target: id })}>
        {paused ? 'Resume' : 'Pause'}
      </button>
    </span>
  );
}

const SIGNS: Readonly<Record<ScheduleRunDocument['state'], readonly [string, string]>> = {
  queued: ['…', 'quiet'],
  starting: ['…', 'busy'],
  started: ['✓', 'good'],
  skipped: ['–', 'quiet'],
  missed: ['✕', 'bad'],
  failed: ['✕', 'bad'],
};

function Run({ run: { state, at, reason } }: { readonly run: ScheduleRunDocument }) {
  const [sign, kind] = SIGNS[state];
  return (
    <span class={`word ${kind}`} title={reason ?? undefined}>
      <span aria-hidden="true">{sign}</span> {state} <Ago at={at} />
    </span>
  );
}

/** The last runs, the newest at the end. */
function Runs({ runs }: { readonly runs: readonly ScheduleRunDocument[] }) {
  return (
    <span class="runs">
      {runs
        .slice(0, 12)
        .toReversed()
        .map(({ at, state, reason }) => (
          <span
            key={at}
            class={`word ${SIGNS[state][1]}`}
            role="img"
            aria-label={state}
            title={`${state} ${absolute(at)}${reason === null ? '' : `: ${reason}`}`}
          >
            {SIGNS[state][0]}
          </span>
        ))}
    </span>
  );
}

function History({ schedule: { runs, source } }: { readonly schedule: ScheduleDocument }) {
  return (
    <div class="detail">
      <p class="quiet">
        crawl file <code>{source}</code>
      </p>
      <ol class="events">
        {runs.map(({ at, state, kind, batch, reason, count }) => (
          <li key={`${at} ${kind}`}>
            <Clock at={at} />{' '}
            <span class={`word ${SIGNS[state][1]}`}>
              <span aria-hidden="true">{SIGNS[state][0]}</span> {state}
            </span>
            {count > 1 && ` ${count} times`}
            {kind === 'manual' && <span class="quiet"> by hand</span>}{' '}
            {batch !== null && (
              <a class="id" href={to(['batches', batch])}>
                {batch}
              </a>
            )}
            {reason !== null && <span class="quiet"> {reason}</span>}
          </li>
        ))}
      </ol>
    </div>
  );
}
