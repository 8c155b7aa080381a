import { setImmediate } from 'node:timers/promises';
import { lineBytes, lineLength, type RecordLine } from '@fetchfleet/crawl';
import { isBetter, type Rank } from '../../folder/record-line.ts';
import { parseRow, type Row } from '../../rows/row.ts';

/** Characters that are read at once: a few milliseconds of work. */
const STEP = 256 * 1_024;

/**
 * The rows of some lines: the best one of each key, in the order of their keys. One statement can
 * write a key only once, and two that write several rows in the same order never wait for each
 * other in a circle.
 */
export async function bestRows(lines: readonly RecordLine[]): Promise<Row[]> {
  const best = new Map<string, Row>();
  let characters = 0;
  for (const line of lines) {
    characters += lineLength(line);
    if (characters >= STEP) {
      characters = 0;
      await setImmediate();
    }
    const row = parseRow(lineBytes(line));
    if (row === undefined) {
      throw new Error('a line is no record');
    }
    const key = `${String(row.head['batch'])} ${row.head.index} ${pageOf(row)}`;
    const known = best.get(key);
    if (known === undefined || isBetter(rankOf(row), rankOf(known))) {
      best.set(key, row);
    }
  }
  return [...best.values()].toSorted(byKey);
}

function byKey(one: Row, other: Row): number {
  const [batch, another] = [String(one.head['batch']), String(other.head['batch'])];
  if (batch !== another) {
    return batch < another ? -1 : 1;
  }
  return one.head.index - other.head.index || pageOf(one) - pageOf(other);
}

/** As in the column: the first page is 1, and so is a fetch without pages. */
function pageOf({ head: { page } }: Row): number {
  return typeof page === 'number' ? page : 1;
}

function rankOf({ head: { outcome, startedAt } }: Row): Rank {
  return { isOk: outcome === 'ok', startedAt: String(startedAt) };
}
