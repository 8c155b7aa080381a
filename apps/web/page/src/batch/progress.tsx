import { formatPercent } from '@fetchfleet/crawl/units';

interface ProgressProps {
  readonly ok: number;
  readonly failed: number;
  readonly total: number;
}

/** Settled fetches of a batch: failures stand at the end of what is done. */
export function Progress({ ok, failed, total }: ProgressProps) {
  const share = (count: number): number => (total === 0 ? 0 : (count / total) * 100);
  const good = share(ok);
  // A single failure among millions is still to be seen.
  const bad = failed === 0 ? 0 : Math.max(share(failed), 0.6);
  return (
    <svg
      class="progress"
      viewBox="0 0 100 8"
      preserveAspectRatio="none"
      role="img"
      aria-label={`${formatPercent(ok + failed, total)} done`}
    >
      <rect class="track" width="100" height="8" />
      <rect class="done" width={Math.max(0, Math.min(good, 100 - bad))} height="8" />
      <rect class="failed" x={Math.min(good, 100 - bad)} width={bad} height="8" />
    </svg>
  );
}
