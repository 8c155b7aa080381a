import type { PartFiles } from './part-files.ts';
import type { Place } from './record-index.ts';

/** Memory of a window, unless a single line is longer. */
const WINDOW_BYTES = 8 * 1024 * 1024;
const WINDOW_LINES = 32_768;

/** Lines closer together than this are read in one go, with what lies between. */
const MAX_GAP_BYTES = 8 * 1024;
const MAX_RANGE_BYTES = 1024 * 1024;

/** Reads under way at once when lines lie scattered. */
const LANES = 4;

/** Consecutive records in index order, each line ended by its newline. */
export interface Window {
  readonly data: Buffer;
  /** Where each line ends in `data`, behind its newline. */
  readonly ends: readonly number[];
}

/** A line, and where in the window it belongs. */
interface Target extends Place {
  readonly at: number;
}

/** Reads lines in the order of `places`, window by window, each window in the order of the disk. */
export async function* readWindows(
  files: PartFiles,
  places: Iterable<Place>,
): AsyncGenerator<Window> {
  let targets: Target[] = [];
  let bytes = 0;
  for (const place of places) {
    const isFull = bytes + place.length > WINDOW_BYTES || targets.length === WINDOW_LINES;
    if (isFull && targets.length > 0) {
      yield await readWindow(files, targets, bytes);
      targets = [];
      bytes = 0;
    }
    targets.push({ ...place, at: bytes });
    bytes += place.length;
  }
  if (targets.length > 0) yield await readWindow(files, targets, bytes);
}

async function readWindow(
  files: PartFiles,
  targets: readonly Target[],
  bytes: number,
): Promise<Window> {
  const data = Buffer.allocUnsafe(bytes);
  const sorted = targets.toSorted(
    (one, other) => one.part - other.part || one.offset - other.offset,
  );
  const ranges = coalesce(sorted);
  const lane = async (): Promise<void> => {
    for (const range of ranges) await readRange(files, range, data);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { data, ends: targets.map(({ at, length }) => at + length) };
}

/** Groups lines, sorted by place, into what one read fetches. */
function* coalesce(sorted: readonly Target[]): Generator<readonly Target[]> {
  let range: Target[] = [];
  let start = 0;
  let end = 0;
  for (const target of sorted) {
    const isFar =
      target.part !== range[0]?.part ||
      target.offset - end > MAX_GAP_BYTES ||
      target.offset + target.length - start > MAX_RANGE_BYTES;
    if (isFar && range.length > 0) {
      yield range;
      range = [];
    }
    if (range.length === 0) start = target.offset;
    range.push(target);
    end = target.offset + target.length;
  }
  if (range.length > 0) yield range;
}

async function readRange(files: PartFiles, range: readonly Target[], data: Buffer): Promise<void> {
  const first = range[0];
  const last = range.at(-1);
  if (first === undefined || last === undefined) return;
  if (first === last) {
    await files.read(first.part, data.subarray(first.at, first.at + first.length), first.offset);
    return;
  }
  const scratch = Buffer.allocUnsafe(last.offset + last.length - first.offset);
  await files.read(first.part, scratch, first.offset);
  for (const { offset, length, at } of range) {
    scratch.copy(data, at, offset - first.offset, offset - first.offset + length);
  }
}
