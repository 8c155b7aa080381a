import {
  contentHash,
  contentHashInSteps,
  encodeLargeRecord,
  encodeRecord,
  encodeSelection,
  type FetchRecord,
  type FetchResponse,
  type KeptAnswer,
  type KnownAnswer,
  LARGE_BODY_BYTES,
  type RecordLine,
  type Revalidation,
} from '@fetchfleet/crawl';

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

/** The line of a record; a promise where that takes long. */
export function lineOf(parts: RecordParts): RecordLine | Promise<RecordLine> {
  const { record, response, comparison, keptBody } = parts;
  const isLarge = response !== undefined && response.body.length >= LARGE_BODY_BYTES;
  if (comparison !== undefined && response !== undefined) {
    return isLarge
      ? comparedLine(parts, response, comparison)
      : encode(parts, withValidators(record, response, comparison, contentHash(response.body)));
  }
  return isLarge && keptBody === undefined
    ? encodeLargeRecord(record, { bytes: response.body })
    : encode(parts, record);
}

async function comparedLine(
  parts: RecordParts,
  response: FetchResponse,
  comparison: Comparing,
): Promise<RecordLine> {
  const hash = await contentHashInSteps(response.body);
  const record = withValidators(parts.record, response, comparison, hash);
  return record.unchanged === undefined && parts.keptBody === undefined
    ? encodeLargeRecord(record, { bytes: response.body })
    : encode(parts, record);
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

function encode({ response, keptBody }: RecordParts, record: FetchRecord): RecordLine {
  if (record.unchanged !== undefined) {
    return encodeRecord(record);
  }
  return keptBody === undefined
    ? encodeRecord(record, response && { bytes: response.body })
    : encodeSelection(record, keptBody.kind === 'selected' ? keptBody.json : undefined);
}
