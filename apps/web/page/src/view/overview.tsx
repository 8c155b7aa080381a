import {
  countOf,
  formatBytes,
  formatCount,
  formatPercent,
  formatRate,
} from '@fetchfleet/crawl/units';
import type { OverviewDocument, Trouble } from '../../../src/api/documents.ts';
import { useLive } from '../api/live.ts';
import { BatchTable } from '../batch/batch-table.tsx';
import { Figure } from '../chart/figure.tsx';
import { Sparkline } from '../chart/sparkline.tsx';
import { TryNow } from '../part/origin-detail.tsx';
import { whole } from '../part/time.tsx';
import { run } from '../part/run.ts';
import { to } from '../route/route.ts';

/** Is everything all right? */
export function Overview({ canChange }: { readonly canChange: boolean }) {
  const overview = useLive<OverviewDocument>('overview');
  if (overview === undefined) {
    return null;
  }
  const { history, inFlight, capacity, underWay, underWayTotal, ended, failedShare } = overview;
  return (
    <>
      <h1 class="hidden">Overview</h1>
      <Troubles trouble={overview.trouble} canChange={canChange} />
      <section class="figures" aria-label="Figures">
        <Figure value={formatRate(overview.fetchesPerSecond)} unit="now">
          <Sparkline series={history.fetchesPerSecond} label="Fetches a second" />
          <span class="quiet">last hour</span>
        </Figure>
        <Figure value={formatCount(inFlight)} unit={`of ${formatCount(capacity)} in flight`}>
          <Sparkline series={history.inFlight} label="Fetches in flight" />
          <span class="quiet">{formatPercent(inFlight, Math.max(1, capacity))} of the fleet</span>
        </Figure>
        <Figure
          value={formatCount(underWayTotal)}
          unit={underWayTotal === 1 ? 'batch under way' : 'batches under way'}
        >
          <span class="quiet">{formatCount(overview.finishedToday)} finished today</span>
        </Figure>
        <Figure
          value={failedShare === null ? '–' : shareText(failedShare)}
          unit="failed in the last hour"
        >
          <Sparkline series={history.failedPerSecond} label="Failed fetches a second" kind="bad" />
        </Figure>
      </section>
      <section aria-label="Batches">
        <h2>Under way</h2>
        <BatchTable
          label="Batches under way"
          batches={underWay}
          empty={
            <>
              Nothing is under way. Start a batch with <code>fetchfleet start crawl.yaml</code>
              {canChange && (
                <>
                  {' '}
                  or <a href="#/new">here</a>
                </>
              )}
              .
            </>
          }
        />
        {underWayTotal > underWay.length && (
          <p>
            <a href={to(['batches'], { state: 'running' })}>
              {formatCount(underWayTotal - underWay.length)} more
            </a>
          </p>
        )}
        {ended.length > 0 && (
          <>
            <h2>Ended last</h2>
            <BatchTable label="Batches that ended" batches={ended} empty="" hasEnded />
          </>
        )}
      </section>
      <p class="facts quiet">
        <a href="#/workers">{countOf(overview.workers, 'worker')}</a>
        {overview.redisMemoryBytes > 0 && ` · Redis ${formatBytes(overview.redisMemoryBytes)}`}
        {overview.redisMemoryLimitBytes > 0 && ` of ${formatBytes(overview.redisMemoryLimitBytes)}`}
        {overview.resultsDisk !== null &&
          ` · results ${formatBytes(overview.resultsDisk.freeBytes)} free of ${formatBytes(overview.resultsDisk.totalBytes)}`}
        {overview.oldestPendingMs > 1_000 &&
          ` · oldest waiting fetch ${whole(overview.oldestPendingMs)}`}
      </p>
    </>
  );
}

/** A few failures among many are more than 0 %. */
function shareText(share: number): string {
  const percent = share * 100;
  return percent > 0 && percent < 0.1 ? '< 0.1%' : `${percent.toFixed(percent < 10 ? 1 : 0)}%`;
}

const VIEWS = { schedule: 'schedules', worker: 'workers' } as const;

function Troubles({
  trouble,
  canChange,
}: {
  readonly trouble: readonly Trouble[];
  readonly canChange: boolean;
}) {
  if (trouble.length === 0) {
    return null;
  }
  return (
    <section class="trouble" aria-label="Needs a look">
      <h2>Needs a look</h2>
      <ul>
        {trouble.map(({ severity, about, text, untilMs, waiting }) => (
          <li key={`${about.kind} ${about.id}`} class={severity}>
            <span role="img" aria-label={severity}>
              {severity === 'error' ? '✕' : '▲'}
            </span>
            <a href={addressOf(about)}>{about.id}</a>
            <span>
              {text}
              {untilMs !== null && <span class="quiet"> {whole(untilMs)} more</span>}
            </span>
            <span class="right quiet">
              {waiting !== null &&
                waiting > 0 &&
                `${countOf(waiting, 'fetch')} ${waiting === 1 ? 'waits' : 'wait'}`}
            </span>
            {canChange && about.kind === 'schedule' && (
              <button
                type="button"
                onClick={() => void run({ command: 'schedule run-now', target: about.id })}
              >
                Run now
              </button>
            )}
            {canChange && about.kind === 'origin' && untilMs !== null && (
              <TryNow origin={about.id} />
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function addressOf({ kind, id }: Trouble['about']): string {
  if (kind === 'batch') {
    return to(['batches', id]);
  }
  if (kind === 'origin') {
    return to(['origins'], { open: id });
  }
  return kind === 'fleet' ? '#/' : to([VIEWS[kind]], { text: id });
}
