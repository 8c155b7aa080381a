import type { BatchStatus } from '@fetchfleet/fleet';
import { sameFailure } from './status-document.ts';
import { formatBytes, formatCount, formatDuration, formatRate } from './units.ts';

/** The status of one batch, one property per line. @param nowMs epoch milliseconds */
export function describeStatus(status: BatchStatus, nowMs: number): string {
  const { missingSecrets } = status;
  const outcomes = Object.entries(status.outcomes)
    .filter(([, count]) => count > 0)
    .map(([outcome, count]) => `${outcome} ${formatCount(count)}`);
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['batch', status.batch],
    ['state', status.state],
    ['done', `${formatCount(status.settled)} of ${formatCount(status.total)}`],
    ['outcomes', outcomes.length > 0 ? outcomes.join(', ') : undefined],
    ['started', describeStart(status, nowMs)],
    ['pace', status.fetchesPerSecond > 0 ? formatRate(status.fetchesPerSecond) : undefined],
    ['received', status.bytes > 0 ? formatBytes(status.bytes) : undefined],
    ...status.resultsFolders.map((dir) => ['results', dir] as const),
    ['retried', describeRetries(status.retries)],
    ['warning', describeSameFailure(status)],
    ['missing', missingSecrets.length > 0 ? describeSecrets(missingSecrets) : undefined],
  ];
  return rows
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name.padEnd(10)}${value ?? ''}`)
    .join('\n');
}

function describeStart({ startedAt, finishedAt }: BatchStatus, nowMs: number): string | undefined {
  if (startedAt === undefined) {
    return undefined;
  }
  const startMs = Date.parse(startedAt);
  if (finishedAt !== undefined) {
    return `${startedAt}, took ${formatDuration(Date.parse(finishedAt) - startMs)}`;
  }
  return `${startedAt}, ${formatDuration(Math.max(0, nowMs - startMs))} ago`;
}

/** `every fetch so far has ended as address-refused` */
export function describeSameFailure(status: BatchStatus): string | undefined {
  const outcome = sameFailure(status);
  return outcome === undefined ? undefined : `every fetch so far has ended as ${outcome}`;
}

function describeRetries(retries: number): string | undefined {
  if (retries === 0) {
    return undefined;
  }
  return retries === 1 ? 'once' : `${formatCount(retries)} times`;
}

/** Tells people how to provide variables that no worker has. */
export function describeSecrets(names: readonly string[]): string {
  return `no worker has ${names.join(', ')}: set it in the environment of the workers`;
}
