import { formatDuration } from '@fetchfleet/crawl/units';
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { ScheduleDocument } from '../../../src/api/documents.ts';
import { Dialog } from '../part/dialog.tsx';
import { run } from '../part/run.ts';
import { Source } from '../part/source.tsx';
import { Ago, Clock } from '../part/time.tsx';
import { to } from '../route/route.ts';
import { resultOf, Word } from './run.tsx';

interface HistoryProps {
  readonly schedule: ScheduleDocument;
  readonly canChange: boolean;
}

/** What a schedule does, and how its runs went, the newest first. */
export function History({ schedule, canChange }: HistoryProps) {
  const { runs, source, overlap, catchUpMs, createdAt } = schedule;
  return (
    <div class="detail">
      <dl>
        <Row term="crawl file">
          <Source path={source} />
        </Row>
        <Row term="if the last batch still runs">{OVERLAPS[overlap]}</Row>
        <Row term="a missed run">
          {catchUpMs === 0 ? 'is skipped' : `still starts within ${formatDuration(catchUpMs)}`}
        </Row>
        <Row term="batches that stay">{keptOf(schedule)}</Row>
        <Row term="added">
          <Ago at={createdAt} />
        </Row>
      </dl>
      {runs.length === 0 ? (
        <p class="quiet">It has not run yet.</p>
      ) : (
        <ol class="events">
          {runs.map((one) => (
            <li key={`${one.at} ${one.kind}`}>
              <Clock at={one.at} /> <Word run={one} />
              {one.count > 1 && ` ${one.count} times`}
              {one.kind === 'manual' && <span class="quiet"> by hand</span>}
              {one.caughtUp && <span class="quiet"> later than planned</span>}{' '}
              {one.batch !== null && !one.removed && (
                <a class="id" href={to(['batches', one.batch])}>
                  {one.batch}
                </a>
              )}
              <span class="quiet">{resultOf(one)}</span>
              {one.reason !== null && <span class="quiet"> {one.reason}</span>}
            </li>
          ))}
        </ol>
      )}
      {canChange && <Remove id={schedule.id} />}
    </div>
  );
}

const OVERLAPS: Readonly<Record<ScheduleDocument['overlap'], string>> = {
  skip: 'skip this run',
  queue: 'start after it',
  allow: 'start beside it',
};

function keptOf({ keep }: ScheduleDocument): string {
  const { batches, ms } = keep ?? {};
  if (batches !== undefined) {
    return batches === 1 ? 'the last one' : `the last ${batches}`;
  }
  return ms === undefined ? 'all' : `those of the last ${formatDuration(ms)}`;
}

interface RowProps {
  readonly term: string;
  readonly children: ComponentChildren;
}

function Row({ term, children }: RowProps) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Remove({ id }: { readonly id: string }) {
  const [isAsked, setAsked] = useState(false);
  const close = (): void => setAsked(false);
  return (
    <p>
      <button type="button" onClick={() => setAsked(true)}>
        Remove
      </button>
      {isAsked && (
        <Dialog title={`Remove the schedule ${id}?`} onClose={close}>
          <p>It starts no more batches, and its history goes. Its batches stay.</p>
          <form
            method="dialog"
            onSubmit={() => void run({ command: 'schedule remove', target: id })}
          >
            <button type="button" onClick={close}>
              No
            </button>
            <button type="submit" class="danger">
              Remove
            </button>
          </form>
        </Dialog>
      )}
    </p>
  );
}
