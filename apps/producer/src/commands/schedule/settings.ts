import { parseDurationMs } from '@fetchfleet/crawl';
import { type Overlap, OVERLAPS, problemOfCron, problemOfTimeZone } from '@fetchfleet/fleet';
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
}

export interface ScheduleSettings {
  readonly id: string | undefined;
  readonly cron: string;
  readonly tz: string;
  readonly overlap: Overlap;
  readonly catchUpMs: number;
}

/** Adds invalid values to `problems`. The result is valid only if there are none. */
export function readScheduleSettings(flags: ScheduleFlags, problems: Problems): ScheduleSettings {
  const { id, cron, tz, overlap, catchUp } = flags;
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
  return { id, cron: cron.trim(), tz, overlap: chosen ?? 'skip', catchUpMs: catchUpMs ?? 0 };
}

function parseWindow(text: string): number | undefined {
  const ms = text === '0' ? 0 : parseDurationMs(text);
  return ms !== undefined && ms <= MAX_CATCH_UP_MS ? ms : undefined;
}

function timeZoneHint(tz: string): string {
  const near = nearest(tz, Intl.supportedValuesOf('timeZone')).slice(0, MAX_HINTS);
  return near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '';
}
