import { parseDurationMs } from '@fetchfleet/crawl';
import {
  MAX_KEPT,
  MAX_KEPT_MS,
  type Overlap,
  OVERLAPS,
  problemOfCron,
  problemOfTimeZone,
  type Retention,
} from '@fetchfleet/fleet';
import { nearest } from '../../batch/find-batch.ts';
import type { Problems } from '../../core/errors.ts';

const MAX_CATCH_UP_MS = 31 * 86_400_000;
const ID = /^[a-z0-9][a-z0-9-]{0,62}$/u;
const MAX_HINTS = 3;

/** Flags of `schedule add` as typed. */
export interface ScheduleFlags {
  readonly id?: string;
  readonly cron: string;
  readonly tz: string;
  readonly overlap: string;
  readonly catchUp: string;
  readonly keep?: string;
}

export interface ScheduleSettings {
  readonly id: string | undefined;
  readonly cron: string;
  readonly tz: string;
  readonly overlap: Overlap;
  readonly catchUpMs: number;
  readonly keep?: Retention;
}

/** Adds invalid values to `problems`. The result is valid only if there are none. */
export function readScheduleSettings(flags: ScheduleFlags, problems: Problems): ScheduleSettings {
  const { id, cron, tz, overlap, catchUp } = flags;
  const keep = readKeep(flags.keep, problems);
  const cronProblem = problemOfCron(cron);
  if (cronProblem !== undefined) {
    problems.add(`--cron: ${cronProblem}`);
  }
  const tzProblem = problemOfTimeZone(tz);
  if (tzProblem !== undefined) {
    problems.add(`--tz: ${tzProblem}${timeZoneHint(tz)}`);
  }
  if (id !== undefined && !ID.test(id)) {
    problems.add(
      `--id: ${JSON.stringify(id)} is not an id; allowed: a-z, 0-9 and -, beginning with a ` +
        'letter or digit, up to 63 characters',
    );
  }
  const chosen = OVERLAPS.find((known) => known === overlap);
  if (chosen === undefined) {
    problems.add(`--overlap: ${JSON.stringify(overlap)}; allowed: ${OVERLAPS.join(', ')}`);
  }
  const catchUpMs = parseWindow(catchUp);
  if (catchUpMs === undefined) {
    problems.add(
      `--catch-up: ${JSON.stringify(catchUp)}; allowed: 0, or a duration up to 31d such as 90s, ` +
        '30m, 1h or 2d',
    );
  }
  return {
    id,
    cron: cron.trim(),
    tz,
    overlap: chosen ?? 'skip',
    catchUpMs: catchUpMs ?? 0,
    ...(keep !== undefined && { keep }),
  };
}

/** `10` is a number of batches, `30d` a time. */
function readKeep(text: string | undefined, problems: Problems): Retention | undefined {
  if (text === undefined) {
    return undefined;
  }
  const batches = /^\d{1,9}$/u.test(text) ? Number(text) : undefined;
  const ms = batches === undefined ? parseDurationMs(text) : undefined;
  if (batches !== undefined && batches >= 1 && batches <= MAX_KEPT) {
    return { batches };
  }
  if (ms !== undefined && ms > 0 && ms <= MAX_KEPT_MS) {
    return { ms };
  }
  problems.add(
    `--keep: ${JSON.stringify(text)}; allowed: a number of batches from 1 to ${MAX_KEPT}, or a ` +
      'duration up to 3660d such as 12h or 30d',
  );
  return undefined;
}

function parseWindow(text: string): number | undefined {
  const ms = text === '0' ? 0 : parseDurationMs(text);
  return ms !== undefined && ms <= MAX_CATCH_UP_MS ? ms : undefined;
}

function timeZoneHint(tz: string): string {
  const near = nearest(tz, Intl.supportedValuesOf('timeZone')).slice(0, MAX_HINTS);
  return near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '';
}
