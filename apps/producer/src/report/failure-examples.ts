import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type FetchRecord, type Outcome, OUTCOMES } from '@fetchfleet/crawl';

/** Enough to find an example in most batches, and read in well under a second. */
const MAX_BYTES = 32 * 1024 * 1024;
/** Longer records are passed over. */
const MAX_LINE_CHARS = 256 * 1024;
/** Where `outcome` stands in a record: before the body. */
const HEAD_CHARS = 4_096;

/** One failed fetch of a kind, to show what went wrong. */
export type FailureExample = Pick<FetchRecord, 'index' | 'url' | 'status' | 'error'>;

/**
 * A failed record for each outcome, from the parts of a batch. They are only examples: what cannot be read or
 * found within the first 32 MiB is left out.
 */
export async function findFailureExamples(
  batchFolder: string,
  outcomes: ReadonlySet<Outcome>,
): Promise<Map<Outcome, FailureExample>> {
  const found = new Map<Outcome, FailureExample>();
  let budget = MAX_BYTES;
  for (const part of await listParts(batchFolder)) {
    if (found.size === outcomes.size || budget <= 0) break;
    budget -= await searchPart(part, { outcomes, found, maxBytes: budget });
  }
  return found;
}

async function listParts(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  return names.filter((name) => name.endsWith('.ndjson')).map((name) => join(folder, name));
}

interface Search {
  readonly outcomes: ReadonlySet<Outcome>;
  readonly found: Map<Outcome, FailureExample>;
  readonly maxBytes: number;
}

/** @returns the bytes read */
async function searchPart(path: string, search: Search): Promise<number> {
  let rest = '';
  let bytes = 0;
  try {
    const stream = createReadStream(path, { encoding: 'utf8', end: search.maxBytes });
    for await (const chunk of stream) {
      const text = String(chunk);
      bytes += text.length;
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) keepExample(line, search);
      if (search.found.size === search.outcomes.size) break;
      // The tail of an endless line is of no use; its next pieces will not parse, and that is all right.
      if (rest.length > MAX_LINE_CHARS) rest = '';
    }
  } catch {
    // An example is no promise.
  }
  return bytes;
}

function keepExample(line: string, { outcomes, found }: Search): void {
  if (line.slice(0, HEAD_CHARS).includes('"outcome":"ok"')) return;
  const record = parseRecord(line);
  if (record === undefined || !outcomes.has(record.outcome) || found.has(record.outcome)) return;
  found.set(record.outcome, record);
}

function parseRecord(line: string): FetchRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is FetchRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { index, url, outcome } = value as Partial<Record<keyof FetchRecord, unknown>>;
  const isKnown = OUTCOMES.some((one) => one === outcome);
  return typeof index === 'number' && typeof url === 'string' && isKnown;
}
