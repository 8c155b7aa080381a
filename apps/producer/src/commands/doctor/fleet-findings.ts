import { VERSION } from '@fetchfleet/crawl';
import {
  CLOCK_TOLERANCE_MS,
  type FleetKeys,
  type LedgerReader,
  readClock,
  type WorkerInfo,
} from '@fetchfleet/fleet';
import type { Redis } from 'ioredis';
import { formatCount, formatDuration } from '../../report/units.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

export interface OpenFleet {
  readonly redis: Redis;
  readonly keys: FleetKeys;
  readonly workers: { list(): Promise<WorkerInfo[]> };
  readonly ledger: Pick<LedgerReader, 'unfinished'>;
  /** Commands start the workers of a private Redis themselves. */
  readonly isPrivate: boolean;
}

export async function clockFindings({
  redis,
  keys,
  workers,
}: OpenFleet): Promise<readonly Finding[]> {
  const { aheadMs, isFar } = await readClock({ redis, key: keys.home.queue('wait') });
  const here = isFar
    ? warning('clock', `the clock of this machine is ${offBy(aheadMs)} Redis: synchronise it (NTP)`)
    : ok('clock', `within ${formatDuration(Math.max(1, Math.abs(aheadMs)))} of Redis`);
  return [here, ...workerClocks(await workers.list())];
}

/** Workers say how far off they are; where they are right they say 0. */
function workerClocks(workers: readonly WorkerInfo[]): readonly Finding[] {
  const off = workers.filter(
    ({ state, clockAheadMs = 0 }) =>
      state !== 'gone' && Math.abs(clockAheadMs) > CLOCK_TOLERANCE_MS,
  );
  const hosts = new Map(off.map(({ host, clockAheadMs = 0 }) => [host, clockAheadMs]));
  return [...hosts].map(([host, aheadMs]) =>
    warning(
      'clock',
      `the clock of ${host} is ${offBy(aheadMs)} Redis: synchronise it (NTP); its workers go by ` +
        'the clock of Redis meanwhile',
    ),
  );
}

function offBy(aheadMs: number): string {
  return `${formatDuration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'}`;
}

export async function workerFindings(fleet: OpenFleet): Promise<readonly Finding[]> {
  const { workers, ledger, isPrivate } = fleet;
  const all = await workers.list();
  const running = all.filter(({ state }) => state !== 'gone');
  const waiting = isPrivate || running.length > 0 ? 0 : (await ledger.unfinished()).length;
  const count =
    waiting > 0
      ? warning(
          'workers',
          `no worker runs, and ${waiting === 1 ? '1 batch is' : `${formatCount(waiting)} batches are`} ` +
            'unfinished: start fetchfleet-worker',
        )
      : ok(
          'workers',
          running.length === 0 ? 'none runs' : `${formatCount(running.length)} running`,
        );
  return [
    count,
    ...troubledWorkers(all),
    ...versionFindings(running.map(({ version }) => version)),
  ];
}

function troubledWorkers(workers: readonly WorkerInfo[]): readonly Finding[] {
  return workers.flatMap(({ id, host, state, lastSeenAt }) => {
    if (state === 'sink-failing') {
      return [
        problem(
          'workers',
          `${id} on ${host} cannot write its results, and fetches nothing: look at its log`,
        ),
      ];
    }
    return state === 'gone'
      ? [warning('workers', `${id} on ${host} is gone since ${lastSeenAt}: look why it was killed`)]
      : [];
  });
}

/**
 * What to say of the versions that work together.
 *
 * @param own of this program. @default its own
 */
export function versionFindings(workers: readonly string[], own = VERSION): readonly Finding[] {
  const versions = [...new Set(workers)].toSorted(compareVersions);
  const [oldest = own] = versions;
  const newest = versions.at(-1) ?? own;
  const found = [
    ...(versions.length > 1
      ? [`workers of versions ${versions.join(', ')} run side by side: replace the older ones`]
      : []),
    ...(compareVersions(own, newest) < 0
      ? [`this program is version ${own}, and workers are ${newest}: update it`]
      : []),
    ...(compareVersions(own, oldest) > 0
      ? [
          `this program is version ${own}, and workers are ${oldest}, which may not read what it ` +
            'enqueues: replace the workers first',
        ]
      : []),
  ];
  return found.length === 0
    ? [ok('versions', `${own} everywhere`)]
    : found.map((text) => warning('versions', text));
}

/** By their numbers; what stands behind them (`-rc.1`) comes before nothing. */
function compareVersions(one: string, other: string): number {
  const [left, right] = [numbersOf(one), numbersOf(other)];
  const at = left.findIndex((value, place) => value !== right[place]);
  if (at >= 0) {
    return (left[at] ?? 0) - (right[at] ?? 0);
  }
  return one === other ? 0 : one.includes('-') ? -1 : 1;
}

function numbersOf(version: string): number[] {
  return version.split(/[.+-]/u).slice(0, 3).map(Number);
}
