import { isBatchId } from '../model/batch-id.ts';
import { isOrigin } from '../model/url.ts';
import { OUTCOMES } from '../outcome/outcome.ts';
import { isKnownInSlice } from './known-in-slice.ts';
import { MAX_SLICE, SEVERAL_ORIGINS, type SharedReason, type Slice } from './slice.ts';

/** Outcomes of a failed attempt. */
const FAILED: ReadonlySet<unknown> = new Set(
  OUTCOMES.filter((outcome) => outcome !== 'ok' && outcome !== 'worker-lost'),
);

/** A job does not contain a valid slice: it is corrupt, or of another program. */
export class InvalidSliceError extends Error {
  override readonly name = 'InvalidSliceError';
  readonly code = 'SLICE_INVALID';

  constructor(reason: string) {
    super(`not a slice: ${reason}`);
  }
}

/**
 * Validates a job from the queue: other programs can write to the same Redis. It does so without a
 * schema library, which would take longer than the rest of the claim.
 *
 * @param paramCount the expected number of columns; not checked by default
 * @throws InvalidSliceError
 */
export function parseSlice(value: unknown, paramCount?: number): Slice {
  must(isObject(value), 'it is not an object');
  const { batch, origin, ranges, columns, state, reasons, known } = value;
  // Version 0.1 wrote it as `position`.
  const ticket = value['ticket'] ?? value['position'];
  must(typeof batch === 'string' && isBatchId(batch), 'batch is not a batch id');
  const areSeveral = origin === SEVERAL_ORIGINS;
  must(typeof origin === 'string' && (areSeveral || isOrigin(origin)), 'origin is not an origin');
  must(isCounts(ranges), 'ranges is not an array of counts');
  const count = countFetches(ranges);
  must(Array.isArray(columns), 'columns is not an array');
  must(
    paramCount === undefined || columns.length === paramCount,
    `${columns.length} columns, but the batch has ${paramCount} parameters`,
  );

  const wrong = columns.findIndex((column) => !isColumn(column, count));
  must(wrong === -1, `columns[${wrong}] is not an array of ${count} texts`);
  must(ticket === undefined || isCount(ticket), 'ticket is not a count');
  must(ticket === undefined || !areSeveral, 'ticket is that of one origin, but it has several');
  const isStates = state === undefined || (Array.isArray(state) && state.every(isEntry));
  must(isStates, 'state is not an array of four counts each');
  checkPositions(state ?? [], count);
  const areReasons = reasons === undefined || isReasons(reasons, count);
  must(areReasons, 'reasons is not an array of failures with their positions');
  const isKnown = known === undefined || isKnownInSlice(known, count);
  must(isKnown, 'known is not what is known of answers');
  return {
    batch,
    origin,
    ranges,
    columns,
    ...(ticket !== undefined && { ticket }),
    ...(state !== undefined && { state }),
    ...(reasons !== undefined && { reasons }),
    ...(known !== undefined && { known }),
  };
}

function countFetches(ranges: readonly number[]): number {
  must(ranges.length > 0 && ranges.length % 2 === 0, 'ranges is not an array of pairs');
  let count = 0;
  let next = 0;
  for (let at = 0; at < ranges.length; at += 2) {
    const first = ranges[at] ?? 0;
    const length = ranges[at + 1] ?? 0;
    must(first >= next, `ranges[${at}] is not greater than the indexes before it`);
    must(length >= 1, `ranges[${at + 1}] is not a positive count`);
    next = first + length;
    count += length;
    must(count <= MAX_SLICE, `it has more than ${MAX_SLICE} fetches`);
    must(Number.isSafeInteger(next), `ranges[${at}] is too large`);
  }
  return count;
}

function checkPositions(state: readonly (readonly [number, ...number[]])[], count: number): void {
  let previous = -1;
  for (const [position] of state) {
    must(position > previous && position < count, `state has an invalid position ${position}`);
    previous = position;
  }
}

function isColumn(column: unknown, count: number): column is string | string[] {
  if (typeof column === 'string') {
    return true;
  }
  return (
    Array.isArray(column) &&
    column.length === count &&
    column.every((text) => typeof text === 'string')
  );
}

function isEntry(value: unknown): value is [number, number, number, number] {
  return isCounts(value) && value.length === 4;
}

function isReasons(value: unknown, count: number): value is SharedReason[] {
  return Array.isArray(value) && value.every((reason) => isReason(reason, count));
}

function isReason(value: unknown, count: number): value is SharedReason {
  if (!isObject(value)) {
    return false;
  }
  const { outcome, code, message, status, positions } = value;
  return (
    FAILED.has(outcome) &&
    typeof code === 'string' &&
    typeof message === 'string' &&
    (status === undefined || isCount(status)) &&
    isCounts(positions) &&
    positions.every((position) => position < count)
  );
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isCount);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function must(condition: boolean, reason: string): asserts condition {
  if (!condition) {
    throw new InvalidSliceError(reason);
  }
}
