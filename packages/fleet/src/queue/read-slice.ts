import { parseSlice, type Slice } from '@fetchfleet/crawl';

/** Parses a slice from Redis; undefined if it is gone or damaged. */
export function readSlice(text: string | null): Slice | undefined {
  try {
    return text === null ? undefined : parseSlice(JSON.parse(text));
  } catch {
    return undefined;
  }
}
