import { draftLength, type RecordDraft } from '@fetchfleet/crawl';

/** A character takes no more bytes in UTF-8. */
const MAX_CHARACTER_BYTES = 3;
/** Numbers for each record. */
const NUMBERS = 3;

/**
 * Records on their way to another thread: their bytes in one piece of memory, because objects are
 * cloned one by one.
 *
 *     memory  head body head body line …
 */
export interface PackedDrafts {
  readonly memory: ArrayBuffer;
  /** Of each record the ends of head and body in the memory, and its content type, see below. */
  readonly places: Uint32Array;
  /** Type 2 is the first of these. 1: a body without a type; 0: a record without a body. */
  readonly contentTypes: readonly string[];
}

/** Bytes of memory that are enough for the records. */
export function packedBytes(drafts: readonly RecordDraft[]): number {
  return drafts.reduce((sum, draft) => {
    const { length } = typeof draft === 'string' ? draft : draft.head;
    return sum + draftLength(draft) + length * (MAX_CHARACTER_BYTES - 1);
  }, 0);
}

/** @param memory at least {@link packedBytes} */
export function packDrafts(drafts: readonly RecordDraft[], memory: ArrayBuffer): PackedDrafts {
  const bytes = Buffer.from(memory);
  const places = new Uint32Array(drafts.length * NUMBERS);
  const contentTypes: string[] = [];
  let end = 0;
  const add = (piece: string | Uint8Array): number => {
    if (typeof piece === 'string') {
      end += bytes.write(piece, end);
    } else {
      bytes.set(piece, end);
      end += piece.length;
    }
    return end;
  };
  for (const [index, draft] of drafts.entries()) {
    const at = index * NUMBERS;
    if (typeof draft === 'string') {
      places[at] = add(draft);
      places[at + 1] = end;
    } else {
      places[at] = add(draft.head);
      places[at + 1] = add(draft.body);
      places[at + 2] = typeNumber(draft.contentType, contentTypes);
    }
  }
  return { memory, places, contentTypes };
}

function typeNumber(contentType: string | undefined, known: string[]): number {
  if (contentType === undefined) {
    return 1;
  }
  let at = known.lastIndexOf(contentType);
  if (at === -1) {
    at = known.push(contentType) - 1;
  }
  return at + 2;
}

/** The records again. Their bodies are in the memory, and so are their heads. */
export function unpackDrafts({ memory, places, contentTypes }: PackedDrafts): RecordDraft[] {
  const bytes = Buffer.from(memory);
  const drafts: RecordDraft[] = [];
  let start = 0;
  for (let at = 0; at < places.length; at += NUMBERS) {
    const [headEnd = 0, bodyEnd = 0, type = 0] = places.subarray(at, at + NUMBERS);
    const head = bytes.subarray(start, headEnd);
    drafts.push(
      type === 0
        ? head.toString()
        : { head, body: bytes.subarray(headEnd, bodyEnd), contentType: contentTypes[type - 2] },
    );
    start = bodyEnd;
  }
  return drafts;
}
