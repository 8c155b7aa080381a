import type { BatchStatus } from '@fetchfleet/fleet';
import { formatBytes, formatCount, formatDuration, formatRate } from './units.ts';

const HEADER = ['batch', 'state', 'done', 'failed', 'pace'] as const;

/** One line for each batch, columns aligned. */
export function statusTable(statuses: readonly BatchStatus[]): string {
  const rows = [HEADER, ...statuses.map(cells)];
  const widths = HEADER.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column < 2 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cells(status: BatchStatus): readonly string[] {
  const percent = status.total === 0 ? 100 : Math.floor((status.settled / status.total) * 100);
  return [
    status.batch,
    status.state,
    `${formatCount(status.settled)}/${formatCount(status.total)} (${percent}%)`,
    formatCount(status.failed),
    status.fetchesPerSecond > 0 ? formatRate(status.fetchesPerSecond) : '–',
  ];
}

/** All that is known of one batch, a line for each thing. @param nowMs epoch milliseconds */
export function describeStatus(status: BatchStatus, nowMs: number): string {
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
    ['results', status.results],
    ['retried', describeRetries(status.retries)],
    ['missing', describeSecrets(status.missingSecrets)],
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

function describeRetries(retries: number): string | undefined {
  if (retries === 0) {
    return undefined;
  }
  return retries === 1 ? 'once' : `${formatCount(retries)} times`;
}

function describeSecrets(names: readonly string[]): string | undefined {
  if (names.length === 0) {
    return undefined;
  }
  return `no worker has ${names.join(', ')}: set it where workers run`;
}
