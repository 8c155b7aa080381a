import { type Outcome, OUTCOMES } from '@fetchfleet/crawl';
import { splitBody } from '../folder/record-line.ts';

/** How much of a line is read for its fields: most have them in the first step. */
export const HEAD_STEPS = [4_096, 65_536, 1_048_576, 16_777_216];

/** The fields of a record before its body. What is no record of a worker's has none. */
export interface RecordHead {
  readonly index: number;
  readonly page?: number;
  readonly params: Readonly<Record<string, string>>;
  readonly url: string;
  readonly outcome: Outcome;
  readonly status?: number;
  readonly durationMs: number;
  readonly bytes: number;
  readonly startedAt: string;
  readonly contentType?: string;
  readonly bodyEncoding?: string;
}

export interface ParsedHead {
  readonly head: RecordHead & Readonly<Record<string, unknown>>;
  readonly hasBody: boolean;
}

/**
 * The fields of a line, or of its first bytes.
 *
 * @param isWanted whether it is parsed, by the fields as JSON
 * @returns undefined if more bytes are needed; null if the line is no record, or not wanted
 */
export function parseHead(
  line: Buffer,
  isWhole: boolean,
  isWanted: (json: string) => boolean = () => true,
): ParsedHead | undefined | null {
  const { head: text, body } = splitBody(line);
  if (body === undefined && !isWhole) {
    return undefined;
  }
  if (!isWanted(text)) {
    return null;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isHead(value) ? { head: value, hasBody: body !== undefined } : null;
}

function isHead(value: unknown): value is ParsedHead['head'] {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  const head = value as Partial<Record<keyof RecordHead, unknown>>;
  return (
    typeof head.index === 'number' &&
    (head.page === undefined || typeof head.page === 'number') &&
    typeof head.url === 'string' &&
    OUTCOMES.some((outcome) => outcome === head.outcome) &&
    (head.status === undefined || typeof head.status === 'number') &&
    typeof head.durationMs === 'number' &&
    typeof head.bytes === 'number' &&
    typeof head.startedAt === 'string' &&
    (head.contentType === undefined || typeof head.contentType === 'string') &&
    isTexts(head.params)
  );
}

function isTexts(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((text) => typeof text === 'string')
  );
}
