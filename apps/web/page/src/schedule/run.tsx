import { formatCount, formatDuration } from '@fetchfleet/crawl/units';
import type { ScheduleRunDocument } from '../../../src/api/documents.ts';
import { absolute, Ago } from '../part/time.tsx';
import { to } from '../route/route.ts';

interface Shown {
  readonly sign: string;
  readonly kind: 'quiet' | 'busy' | 'good' | 'held' | 'bad';
  readonly word: string;
}

/** How a run went: of one that has started, how its batch did. */
function shownRun({ state, ended, failed }: ScheduleRunDocument): Shown {
  if (state === 'started' && ended !== null) {
    return ended === 'cancelled'
      ? { sign: '■', kind: 'quiet', word: 'cancelled' }
      : ended === 'finished'
        ? (failed ?? 0) > 0
          ? { sign: '▲', kind: 'held', word: 'finished' }
          : { sign: '✓', kind: 'good', word: 'finished' }
        : { sign: '▶', kind: 'busy', word: ended };
  }
  return {
    queued: { sign: '…', kind: 'quiet', word: 'queued' } as const,
    starting: { sign: '…', kind: 'busy', word: 'starting' } as const,
    started: { sign: '▶', kind: 'busy', word: 'started' } as const,
    skipped: { sign: '–', kind: 'quiet', word: 'skipped' } as const,
    missed: { sign: '✕', kind: 'bad', word: 'missed' } as const,
    failed: { sign: '✕', kind: 'bad', word: 'failed' } as const,
  }[state];
}

/** `250,000 ok in 4 min`, `12 of 249 failed in 3 s`; undefined before it has ended. */
export function resultOf({ total, failed, tookMs }: ScheduleRunDocument): string | undefined {
  if (total === null || failed === null) {
    return undefined;
  }
  const counts =
    failed === 0
      ? `${formatCount(total)} ok`
      : `${formatCount(failed)} of ${formatCount(total)} failed`;
  return tookMs === null ? counts : `${counts} in ${formatDuration(tookMs)}`;
}

export function Word({ run }: { readonly run: ScheduleRunDocument }) {
  const { sign, kind, word } = shownRun(run);
  return (
    <span class={`word ${kind}`}>
      <span aria-hidden="true">{sign}</span> {word}
    </span>
  );
}

/** The last run in a line. */
export function LastRun({ run }: { readonly run: ScheduleRunDocument }) {
  const { at, batch, reason, removed } = run;
  const result = resultOf(run);
  const text = (
    <>
      <Word run={run} /> <Ago at={at} />
    </>
  );
  return (
    <span title={reason ?? undefined}>
      {batch === null || removed ? (
        text
      ) : (
        <a class="outcome" href={to(['batches', batch])}>
          {text}
        </a>
      )}
      {result !== undefined && <span class="quiet"> {result}</span>}
    </span>
  );
}

const SHOWN = 12;

/** The last runs, the newest at the end; each says why in its title. */
export function Runs({ runs }: { readonly runs: readonly ScheduleRunDocument[] }) {
  return (
    <span class="runs">
      {runs
        .slice(0, SHOWN)
        .toReversed()
        .map((run) => {
          const { sign, kind, word } = shownRun(run);
          const { at, count, reason } = run;
          const times = count > 1 ? ` ${count} times` : '';
          const details = [resultOf(run), reason ?? undefined].filter((one) => one !== undefined);
          const title = [`${word}${times} ${absolute(at)}`, ...details].join(': ');
          return (
            <span
              key={`${at} ${run.kind}`}
              class={`word ${kind}`}
              role="img"
              aria-label={word}
              title={title}
            >
              {sign}
            </span>
          );
        })}
    </span>
  );
}
