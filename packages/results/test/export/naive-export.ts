import type { FetchRecord } from '@fetchfleet/crawl';
import { parse } from 'csv-parse/sync';

/** The lines that an export must write, computed naively: all in memory, all lines parsed. */
export function naiveExport(parts: Iterable<string>): string[] {
  return chainsOf(parts).flatMap((chain) => chain.map(({ line }) => line));
}

/** Fetches of which an export must write all pages. */
export function naiveComplete(parts: Iterable<string>): number[] {
  return chainsOf(parts).flatMap((chain) => {
    const records = chain.map(({ record }) => record);
    const isWhole = records.every(({ page = 1 }, at) => page === at + 1);
    const last = records.at(-1);
    const isEnded = last?.page === undefined || last.end !== undefined;
    return isWhole && isEnded && last !== undefined ? [last.index] : [];
  });
}

/** The best records of each fetch up to its last page, in the order of indexes and pages. */
function chainsOf(parts: Iterable<string>) {
  const best = new Map<
    number,
    Map<number, { readonly record: FetchRecord; readonly line: string }>
  >();
  for (const part of parts) {
    for (const line of part.split('\n').slice(0, -1)) {
      const record = JSON.parse(line) as FetchRecord;
      const { index, page = 1 } = record;
      const pages = best.get(index) ?? new Map<number, { record: FetchRecord; line: string }>();
      best.set(index, pages);
      const known = pages.get(page)?.record;
      if (known === undefined || rank(record) > rank(known)) {
        pages.set(page, { record, line });
      }
    }
  }
  return [...best]
    .toSorted(([one], [other]) => one - other)
    .map(([, pages]) => {
      const chain = [...pages].toSorted(([one], [other]) => one - other).map(([, found]) => found);
      const last = chain.findIndex(({ record }) => record.end !== undefined);
      return last < 0 ? chain : chain.slice(0, last + 1);
    });
}

function rank({ outcome, startedAt }: FetchRecord): string {
  return `${outcome === 'ok' ? 1 : 0}${startedAt}`;
}

/** The cells that the CSV row of a line must have. */
export function naiveCells(line: string, params: readonly string[], hasPages = false): string[] {
  const record = JSON.parse(line) as FetchRecord & {
    charset?: string;
    bodyEncoding?: string;
    body?: unknown;
  };
  const raw = /,"body":(.*)\}$/su.exec(line.slice(line.indexOf('},"url":')))?.[1];
  return [
    record.index,
    ...(hasPages ? [record.page, record.end] : []),
    ...params.map((param) => record.params[param]),
    record.url,
    record.outcome,
    record.status,
    record.attempts,
    record.startedAt,
    record.durationMs,
    record.bytes,
    record.contentType,
    record.worker,
    record.finalUrl,
    record.error?.code,
    record.error?.message,
    record.charset,
    record.bodyEncoding,
    record.bodyEncoding === undefined ? raw : record.body,
  ].map((cell) => (typeof cell === 'string' ? cell : (JSON.stringify(cell) ?? '')));
}

export function cellsOf(csv: string): string[][] {
  return parse(csv);
}
