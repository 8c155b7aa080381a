import { type Outcome, OUTCOMES, parseDurationMs } from '@fetchfleet/crawl';
import type { BatchState } from '@fetchfleet/fleet';
import { readCount } from '../core/count.ts';
import type { Problems } from '../core/errors.ts';

/** Every state of a batch. */
export const BATCH_STATES = ['expanding', 'running', 'paused', 'cancelled', 'finished'] as const;

const FAILURES = OUTCOMES.filter((outcome) => outcome !== 'ok');
const MAX_LIMIT = 100_000;

/** The values of a flag that is given several times, or once with commas. */
function choices<T extends string>(
  texts: readonly string[],
  { flag, allowed }: { readonly flag: string; readonly allowed: readonly T[] },
  problems: Problems,
): T[] {
  const names = texts.flatMap((text) => text.split(',')).map((name) => name.trim());
  return names.flatMap((name) => {
    const found = allowed.find((one) => one === name);
    if (found !== undefined) {
      return [found];
    }
    problems.add(`${flag}: "${name}" is none of ${allowed.join(', ')}`);
    return [];
  });
}

/**
 * The states of `--state`.
 *
 * @param allowed the states that may be named. @default all
 */
export function readStates(
  texts: readonly string[],
  problems: Problems,
  allowed: readonly BatchState[] = BATCH_STATES,
): BatchState[] {
  return choices(texts, { flag: '--state', allowed }, problems);
}

/**
 * The outcomes of `--outcome`.
 *
 * @param allowed the outcomes that may be named. @default those of failed fetches
 */
export function readOutcomes(
  texts: readonly string[],
  problems: Problems,
  allowed: readonly Outcome[] = FAILURES,
): Outcome[] {
  return choices(texts, { flag: '--outcome', allowed }, problems);
}

/** The number of rows in `--limit`: 1 to 100,000. */
export function readLimit(text: string, problems: Problems): number {
  return readCount('--limit', text, { max: MAX_LIMIT, problems });
}

/** An age in milliseconds: `30d`, `12h`, `45m`. */
export function readAge(flag: string, text: string, problems: Problems): number {
  const age = parseDurationMs(text);
  if (age === undefined) {
    problems.add(`${flag}: "${text}" is no duration; allowed: 30d, 12h, 45m, 90s and the like`);
  }
  return age ?? 0;
}
