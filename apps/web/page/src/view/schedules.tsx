import type { ScheduleDocument, SchedulesDocument } from '../../../src/api/documents.ts';
import { useLive } from '../api/live.ts';
import { Filter, Filters } from '../part/filters.tsx';
import { run } from '../part/run.ts';
import { type Column, Table } from '../part/table.tsx';
import { Ago } from '../part/time.tsx';
import { route, to } from '../route/route.ts';
import { History } from '../schedule/history.tsx';
import { LastRun, Runs, Word } from '../schedule/run.tsx';

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
        href={({ id }) => addressOf(id, open)}
        open={{
          key: open,
          body: (schedule) => <History schedule={schedule} canChange={canChange} />,
        }}
        columns={columnsFor(open, canChange)}
        empty={
          text === '' ? (
            <>
              Nothing is scheduled. Add a schedule with{' '}
              <code>fetchfleet schedule add crawl.yaml --cron "0 2 * * *"</code>.
            </>
          ) : (
            'No schedule is called like that.'
          )
        }
      />
    </>
  );
}

/** Opens the history, or closes it. */
function addressOf(id: string, open: string | undefined): string {
  return to(['schedules'], { ...route.value.query, open: id === open ? undefined : id });
}

function columnsFor(open: string | undefined, canChange: boolean): Column<ScheduleDocument>[] {
  return [
    {
      title: 'schedule',
      cell: ({ id }) => (
        <a class="id" href={addressOf(id, open)}>
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
      cell: ({ nextRun, paused, runs: [last] }) => (
        <>
          {nextRun === null ? (
            <span class="word held">{paused ? '❚❚ paused' : 'never'}</span>
          ) : (
            <span class="word">
              <Ago at={nextRun} />
            </span>
          )}
          {last !== undefined && (
            <span class="narrow" title="the last run">
              <Word run={last} />
            </span>
          )}
        </>
      ),
    },
    { title: 'last', cell: ({ runs: [last] }) => last && <LastRun run={last} />, rank: 3 },
    { title: 'runs', cell: ({ runs }) => <Runs runs={runs} />, rank: 1 },
    {
      title: 'actions',
      isTitleHidden: true,
      align: 'right',
      cell: (schedule) => (
        <Actions schedule={schedule} isOpen={schedule.id === open} canChange={canChange} />
      ),
    },
  ];
}

interface ActionsProps {
  readonly schedule: ScheduleDocument;
  readonly isOpen: boolean;
  readonly canChange: boolean;
}

function Actions({ schedule: { id, paused }, isOpen, canChange }: ActionsProps) {
  const command = paused ? 'schedule resume' : 'schedule pause';
  return (
    <span class="actions">
      {canChange && (
        <>
          <button
            type="button"
            onClick={() => void run({ command: 'schedule run-now', target: id })}
          >
            Run now
          </button>
          <button type="button" onClick={() => void run({ command, target: id })}>
            {paused ? 'Resume' : 'Pause'}
          </button>
        </>
      )}
      <a class="button wide" href={addressOf(id, isOpen ? id : undefined)} aria-expanded={isOpen}>
        History
      </a>
    </span>
  );
}
