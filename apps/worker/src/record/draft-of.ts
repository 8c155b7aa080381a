import {
  contentHash,
  contentHashInSteps,
  draftRecord,
  encodeSelection,
  type FetchRecord,
  type FetchResponse,
  type KeptAnswer,
  type KnownAnswer,
  type RecordDraft,
  type Revalidation,
} from '@fetchfleet/crawl';

/** Bodies from this size on are hashed in steps, so that no step blocks the process for long. */
const LARGE_BODY_BYTES = 256 * 1_024;

/** What a record is made of. */
export interface RecordParts {
  readonly record: FetchRecord;
  /** Undefined where no response arrived. */
  readonly response: FetchResponse | undefined;
  readonly keptBody: KeptAnswer['body'];
  /** Set for a success that is compared with an earlier batch. */
  readonly comparison: Comparing | undefined;
}

interface Comparing {
  readonly revalidation: Revalidation;
  readonly values: readonly string[];
  readonly known: KnownAnswer | undefined;
}

/** The draft of a record; a promise where that takes long. */
export function draftOf(parts: RecordParts): RecordDraft | Promise<RecordDraft> {
  const { record, response, comparison } = parts;
  if (comparison === undefined || response === undefined) {
    return draft(parts, record);
  }
  const { body } = response;
  const compared = (hash: string): RecordDraft =>
    draft(parts, withValidators(record, response, comparison, hash));
  return body.length >= LARGE_BODY_BYTES
    ? contentHashInSteps(body).then(compared)
    : compared(contentHash(body));
}

/** A body that is the known one is not written again. @param hash of the body */
function withValidators(
  record: FetchRecord,
  response: FetchResponse,
  { revalidation, values, known }: Comparing,
  hash: string,
): FetchRecord {
  const isConfirmed = response.status === 304 && known !== undefined;
  const own = isConfirmed ? known.hash : hash;
  const validators = revalidation.validatorsOf({ values, response, known }, own);
  const isUnchanged = validators !== undefined && validators.hash === known?.hash;
  return { ...record, validators, unchanged: isUnchanged ? known.at : undefined };
}

function draft({ response, keptBody }: RecordParts, record: FetchRecord): RecordDraft {
  if (record.unchanged !== undefined) {
    return draftRecord(record);
  }
  if (keptBody !== undefined) {
    return encodeSelection(record, keptBody.kind === 'selected' ? keptBody.json : undefined);
  }
  if (response === undefined) {
    return draftRecord(record);
  }
  // The type that came with the body, which the record may leave out.
  return draftRecord(record, {
    bytes: response.body,
    contentType: response.headers['content-type'],
  });
}
