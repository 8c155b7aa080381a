import { isOrigin, originOf, type Outcome, redactUrl } from '@fetchfleet/crawl';
import type { FailedRecord } from '@fetchfleet/results';
import type { Problems } from '../core/errors.ts';
import { type Ranges, readRanges } from '../core/ranges.ts';
import { readOutcomes } from '../batch/batch-filters.ts';

const MAX_INDEX = 2 ** 32 - 1;

/** Flags that choose some of the failures of a batch. Each may be given several times. */
export interface FilterFlags {
  readonly outcome?: readonly string[];
  readonly status?: readonly string[];
  readonly origin?: readonly string[];
  readonly index?: readonly string[];
}

/** A failure has to be what every filter asks for. */
export interface FailureFilter {
  /** @default any */
  readonly outcomes: readonly Outcome[] | undefined;
  /** The status of the answer. @default any, or none */
  readonly statuses: Ranges | undefined;
  readonly origins: ReadonlySet<string> | undefined;
  readonly indexes: Ranges | undefined;
}

export function readFailureFilter(flags: FilterFlags, problems: Problems): FailureFilter {
  const { outcome, status, origin, index } = flags;
  return {
    outcomes: outcome === undefined ? undefined : readOutcomes(outcome, problems),
    statuses: readRanges('--status', status ?? [], { max: 999, problems }),
    origins: origin === undefined ? undefined : readOrigins(origin, problems),
    indexes: readRanges('--index', index ?? [], { max: MAX_INDEX, problems }),
  };
}

/** Whether anything is asked for. */
export function isFiltered({ outcomes, statuses, origins, indexes }: FailureFilter): boolean {
  return [outcomes, statuses, origins, indexes].some((one) => one !== undefined);
}

/** Whether only records tell what a filter chooses: the ledger knows outcomes and indexes. */
export function needsRecords({ statuses, origins }: FailureFilter): boolean {
  return statuses !== undefined || origins !== undefined;
}

export function isChosen(filter: FailureFilter, record: FailedRecord): boolean {
  const { outcomes, statuses, origins, indexes } = filter;
  return (
    (indexes?.has(record.index) ?? true) &&
    (outcomes?.includes(record.outcome) ?? true) &&
    (statuses === undefined || (record.status !== undefined && statuses.has(record.status))) &&
    (origins === undefined || origins.has(originIn(record.url)))
  );
}

function readOrigins(texts: readonly string[], problems: Problems): ReadonlySet<string> {
  const parts = texts.flatMap((text) => text.split(',')).map((text) => text.trim());
  const origins = parts.flatMap((text) => {
    const origin = originIn(text);
    // As it may be copied: with a slash at its end, or a default port.
    const isWhole = /^[^/?#@]+\/\/[^/?#@]+\/?$/u.test(text);
    if (isWhole && isOrigin(origin)) {
      return [origin];
    }
    problems.add(`--origin: "${redactUrl(text)}" is no origin, such as https://api.example`);
    return [];
  });
  return new Set(origins);
}

function originIn(url: string): string {
  return URL.canParse(url) ? originOf(url) : '';
}
