import { type BatchStatus, durationMs, sameFailure } from '@fetchfleet/fleet';
import { formatBytes, formatCount, formatDuration, formatRate } from './units.ts';

/** Origins that are named; a batch may have thousands. */
const MAX_HELD = 3;

/**
 * The status of one batch, one property a line.
 *
 * @param nowMs epoch milliseconds
 * @param more.isInterrupted nobody works on it any more
 * @param more.undelivered each notification that waits
 * @param more.held for each origin that is down or blocked: why, and when it is tried
 */
export function describeStatus(
  status: BatchStatus,
  nowMs: number,
  {
    isInterrupted = false,
    held = [],
    undelivered = [],
  }: {
    readonly isInterrupted?: boolean;
    readonly held?: readonly string[];
    readonly undelivered?: readonly string[];
  } = {},
): string[] {
  const { missingSecrets } = status;
  const outcomes = Object.entries(status.outcomes)
    .filter(([, count]) => count > 0)
    .map(([outcome, count]) => `${outcome} ${formatCount(count)}`);
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['batch', status.batch],
    ['state', isInterrupted ? 'interrupted' : status.state],
    ...describeHeld(held).map((text) => ['held', text] as const),
    ['done', `${formatCount(status.settled)} of ${formatCount(status.total)}`],
    ['pages', status.pages === undefined ? undefined : formatCount(status.pages)],
    ['outcomes', outcomes.length > 0 ? outcomes.join(', ') : undefined],
    ['started', describeStart(status, nowMs)],
    ['pace', status.fetchesPerSecond > 0 ? formatRate(status.fetchesPerSecond) : undefined],
    ['received', status.bytes > 0 ? formatBytes(status.bytes) : undefined],
    ...status.resultsFolders.map((dir) => ['results', dir] as const),
    ['retried', describeRetries(status.retries)],
    ['warning', describeSameFailure(status)],
    ...undelivered.map((text) => ['not told', text] as const),
    ['missing', missingSecrets.length > 0 ? describeSecrets(missingSecrets) : undefined],
  ];
  return rows
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name.padEnd(10)}${value ?? ''}`);
}

/** The first few, each on a line of its own. */
function describeHeld(held: readonly string[]): readonly string[] {
  const left = held.length - MAX_HELD;
  return [
    ...held.slice(0, MAX_HELD),
    ...(left > 0 ? [`and by ${formatCount(left)} more: see fetchfleet origins`] : []),
  ];
}

function describeStart(status: BatchStatus, nowMs: number): string | undefined {
  const { startedAt, finishedAt, activeSince = startedAt } = status;
  if (startedAt === undefined) {
    return undefined;
  }
  // Hours may lie between the end of a batch and its retry.
  const again = activeSince === startedAt ? '' : `, went on at ${activeSince ?? ''}`;
  if (finishedAt !== undefined) {
    return `${startedAt}${again}, took ${formatDuration(durationMs(status))}`;
  }
  return `${startedAt}${again}, ${formatDuration(durationMs(status, nowMs))} ago`;
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
  const flags = names.filter((name) => name.startsWith('--'));
  const variables = names.filter((name) => !name.startsWith('--'));
  return [
    ...(variables.length === 0
      ? []
      : [`no worker has ${variables.join(', ')}: ${howToProvide(variables.join(','))}`]),
    ...(flags.length === 0 ? [] : [`no worker was started with ${flags.join(' ')}`]),
  ].join('; ');
}

/** A worker needs the value of a variable, and the permission to send it. */
export function howToProvide(names: string): string {
  return `set it where workers run, and allow it there: --secrets ${names} (FETCHFLEET_SECRETS)`;
}
