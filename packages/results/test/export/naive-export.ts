import type { FetchRecord } from '@fetchfleet/crawl';
import { parse } from 'csv-parse/sync';

/** The lines that an export must write, computed naively: all in memory, all lines parsed. */
export function naiveExport(parts: Iterable<string>): string[] {
  const best = new Map<number, { readonly record: FetchRecord; readonly line: string }>();
  for (const part of parts) {
    for (const line of part.split('\n').slice(0, -1)) {
      const record = JSON.parse(line) as FetchRecord;
      const known = best.get(record.index)?.record;
      if (known === undefined || rank(record) > rank(known)) {
        best.set(record.index, { record, line });
      }
    }
  }
  return [...best].toSorted(([one], [other]) => one - other).map(([, { line }]) => line);
}

function rank({ outcome, startedAt }: FetchRecord): string {
  return `${outcome === 'ok' ? 1 : 0}${startedAt}`;
}

/** The cells that the CSV row of a line must have. */
export function naiveCells(line: string, params: readonly string[]): string[] {
  const record = JSON.parse(line) as FetchRecord & {
    charset?: string;
    bodyEncoding?: string;
    body?: unknown;
  };
  const raw = /,"body":(.*)\}$/su.exec(line.slice(line.indexOf('},"url":')))?.[1];
  return [
    record.index,
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
