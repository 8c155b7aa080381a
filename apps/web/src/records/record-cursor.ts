import type { RecordPlace } from '@fetchfleet/results';

/** Where the next page of records begins. */
export interface RecordCursor {
  readonly place: RecordPlace;
  /** Records before it that match. */
  readonly matched: number;
}

/** The first record. */
export const START: RecordCursor = { place: { index: 0, page: 0 }, matched: 0 };

export function cursorText({ place: { index, page }, matched }: RecordCursor): string {
  return `${index}.${page}.${matched}`;
}

/** Undefined for what is no cursor. An index alone is one, too. */
export function parseCursor(text: string): RecordCursor | undefined {
  const parts = /^(\d{1,10})(?:\.(\d{1,7})(?:\.(\d{1,11}))?)?$/u.exec(text);
  if (parts === null) {
    return undefined;
  }
  const [, index, page = 0, matched = 0] = parts;
  return { place: { index: Number(index), page: Number(page) }, matched: Number(matched) };
}
