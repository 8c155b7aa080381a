import { setImmediate } from 'node:timers/promises';
import { encodeBody } from './encode-body.ts';
import { mediaTypeOf } from './media-type.ts';
import type { RecordLine } from './record-line.ts';
import { atOnce, paused, STEP } from './steps.ts';

/** A record with a body that is not encoded yet. */
interface DraftWithBody {
  /** The line up to the body, without the comma before it. */
  readonly head: string | Uint8Array;
  /** Decompressed, as it came. */
  readonly body: Buffer;
  readonly contentType: string | undefined;
}

/**
 * A record on its way to where it is written. Encoding its body takes most of the time that a
 * record costs, so that is left to whoever writes it. A record without a body is its line already.
 */
export type RecordDraft = string | DraftWithBody;

/** Characters of its text, and bytes of its body: about what it takes in memory. */
export function draftLength(draft: RecordDraft): number {
  return typeof draft === 'string' ? draft.length : draft.head.length + draft.body.length;
}

/** The line of a record. It has the bytes of a body that is JSON, not a copy. */
export function encodeDraft(draft: RecordDraft): RecordLine {
  if (typeof draft === 'string') {
    return draft;
  }
  const { head, body, contentType } = draft;
  return [head, ...atOnce(encodeBody(body, mediaTypeOf(contentType)))];
}

/** The lines of records, with a pause after each millisecond of work or so. */
export async function encodeDrafts(drafts: readonly RecordDraft[]): Promise<RecordLine[]> {
  const lines: RecordLine[] = [];
  let bytes = 0;
  for (const draft of drafts) {
    if (typeof draft === 'string' || draft.body.length <= STEP) {
      lines.push(encodeDraft(draft));
    } else {
      const { head, body, contentType } = draft;
      lines.push([head, ...(await paused(encodeBody(body, mediaTypeOf(contentType))))]);
    }
    bytes += draftLength(draft);
    if (bytes > STEP) {
      bytes = 0;
      await setImmediate();
    }
  }
  return lines;
}
