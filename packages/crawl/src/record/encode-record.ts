import { decodeText, utf8Text } from './body-charset.ts';
import { mediaTypeOf } from './media-type.ts';
import { encodeDraft, type RecordDraft } from './record-draft.ts';
import type { RecordLine } from './record-line.ts';
import { atOnce } from './steps.ts';
import type { FetchRecord } from './record.ts';

/** A response body, decompressed. */
export interface RecordBody {
  readonly bytes: Buffer;
  /** @default the record's own */
  readonly contentType?: string | undefined;
}

/**
 * All of a record but its encoded body. The keys of the line have a fixed order and `body` is last,
 * so readers find index and body without parsing the line. String concatenation, because this runs
 * for every fetch.
 */
export function draftRecord(record: FetchRecord, body?: RecordBody): RecordDraft {
  const head = encodeHead(record);
  return body === undefined
    ? `${head}}`
    : { head, body: body.bytes, contentType: body.contentType ?? record.contentType };
}

/** Encodes a record as one line of NDJSON without its line end. */
export function encodeRecord(record: FetchRecord, body?: RecordBody): RecordLine {
  return encodeDraft(draftRecord(record, body));
}

/** The same with what was selected of a body that is JSON; without a body if that is nothing. */
export function encodeSelection(record: FetchRecord, json: string | undefined): string {
  const head = encodeHead(record);
  return json === undefined ? `${head}}` : `${head},"body":${json}}`;
}

/** A body as text, decoded as a record has it. Undefined if it is no text. */
export function textOfBody({ bytes, contentType }: RecordBody): string | undefined {
  const decoded = atOnce(decodeText(bytes, mediaTypeOf(contentType)));
  return decoded && utf8Text(decoded.utf8);
}

function encodeHead(record: FetchRecord): string {
  const { page, end, headers, method, status, contentType, finalUrl, error, selected } = record;
  const { validators, unchanged } = record;
  return (
    `{"batch":${quoted.batch.of(record.batch)},"index":${record.index}` +
    // Readers find both behind the index, without parsing the line.
    (page === undefined ? '' : `,"page":${page}`) +
    (end === undefined ? '' : `,"end":"${end}"`) +
    `,"params":${JSON.stringify(record.params)}` +
    // Here, because readers look for the other keys behind the last object with names of others.
    (headers === undefined ? '' : `,"headers":${JSON.stringify(headers)}`) +
    `,"url":${quote(record.url)}` +
    (method === undefined ? '' : `,"method":"${method}"`) +
    `,"outcome":"${record.outcome}"` +
    (status === undefined ? '' : `,"status":${status}`) +
    `,"attempts":${record.attempts},"startedAt":${quoted.startedAt.of(record.startedAt)}` +
    `,"durationMs":${record.durationMs},"bytes":${record.bytes}` +
    (contentType === undefined ? '' : `,"contentType":${quoted.contentType.of(contentType)}`) +
    `,"worker":${quoted.worker.of(record.worker)}` +
    (finalUrl === undefined ? '' : `,"finalUrl":${quote(finalUrl)}`) +
    (error === undefined
      ? ''
      : `,"error":{"code":${quote(error.code)},"message":${quote(error.message)}}`) +
    (selected === undefined ? '' : `,"selected":${selected}`) +
    (validators === undefined ? '' : `,"validators":${JSON.stringify(validators)}`) +
    // The last key before a body, which such a record does not have: readers look for it at the
    // end.
    (unchanged === undefined ? '' : `,"unchanged":${JSON.stringify(unchanged)}`)
  );
}

/** Quotes a text that is mostly the same as the one before. */
class RepeatedText {
  #text = '';
  #quoted = '""';

  of(text: string): string {
    if (text !== this.#text) {
      this.#text = text;
      this.#quoted = quote(text);
    }
    return this.#quoted;
  }
}

const quoted = {
  batch: new RepeatedText(),
  startedAt: new RepeatedText(),
  contentType: new RepeatedText(),
  worker: new RepeatedText(),
};

function quote(text: string): string {
  return JSON.stringify(text);
}
