import { formatCount } from '@fetchfleet/crawl/units';
import { route, to } from '../route/route.ts';
import type { FoundRecords } from './use-records.ts';

/** `1–100 of 1,204  ‹ ›` */
export function Pager({ found }: { readonly found: FoundRecords }) {
  const { document } = found;
  const { records, offset, matched, counted, looked, indexed, previous, next } = document;
  return (
    <p class="pager">
      <span>
        {records.length > 0 && `${formatCount(offset + 1)}–`}
        {formatCount(records.length === 0 ? 0 : offset + records.length)} of {formatCount(matched)}
        {counted !== null && (
          <span class="quiet">
            {' '}
            so far: looked at {formatCount(looked)} of {formatCount(indexed)}
          </span>
        )}
      </span>
      <span class="steps">
        <Step name="Page before" sign="‹" cursor={previous} at="before" />
        <Step name="Next page" sign="›" cursor={found.isSearching ? null : next} at="from" />
      </span>
    </p>
  );
}

interface StepProps {
  readonly name: string;
  readonly sign: string;
  /** Null where it leads nowhere. */
  readonly cursor: string | null;
  readonly at: 'from' | 'before';
}

/** It keeps its place where it leads nowhere. */
function Step({ name, sign, cursor, at }: StepProps) {
  const { path, query } = route.value;
  return cursor === null ? (
    <span class="button off" aria-hidden="true">
      {sign}
    </span>
  ) : (
    <a
      class="button"
      aria-label={name}
      title={name}
      href={to(path, {
        ...query,
        from: undefined,
        before: undefined,
        open: undefined,
        [at]: cursor,
      })}
    >
      {sign}
    </a>
  );
}
