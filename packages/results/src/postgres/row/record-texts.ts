import { encodeSelection, type FetchRecord } from '@fetchfleet/crawl';
import { splitBody } from '../../folder/record-line.ts';

/** What the columns of a row hold, as texts; bytes as base64. Undefined is NULL. */
export type RecordTexts = Readonly<Record<string, string | undefined>>;

/** A line without its body, as `splitBody` has it, and its body. */
interface RecordParts {
  readonly head: string;
  readonly body: string | undefined;
}

/**
 * The record that the columns of a row stand for. Whether that is what its worker wrote is known
 * only by comparing: a first page that is not the last one looks like a record without pages, no
 * text has a NUL, and foreign keys have no column.
 */
function partsOf(texts: RecordTexts): RecordParts {
  const charset = texts['charset'];
  const encoding = texts['body_encoding'];
  const head = encodeSelection(recordOf(texts), undefined).slice(0, -1);
  const ofBody =
    (charset === undefined ? '' : `,"charset":${JSON.stringify(charset)}`) +
    (encoding === undefined ? '' : `,"bodyEncoding":${JSON.stringify(encoding)}`);
  return { head: `${head}${ofBody}}`, body: bodyOf(texts) };
}

/** What the column `record` has to keep, because the others do not. */
export function keptRecord(texts: RecordTexts, written: RecordParts): string | undefined {
  const { head, body } = partsOf(texts);
  if (body !== written.body) {
    return lineOf(written);
  }
  return head === written.head ? undefined : written.head;
}

/** The line of a row. Others may have put line breaks into a row: they end no line here. */
export function storedLine(texts: RecordTexts): string {
  const { head, body } = partsOf(texts);
  const record = texts['record'];
  const hasBody = record !== undefined && splitBody(Buffer.from(record)).body !== undefined;
  const line = hasBody ? record : lineOf({ head: record ?? head, body });
  return /[\r\n]/.test(line) ? line.replaceAll(/[\r\n]/g, ' ') : line;
}

export function lineOf({ head, body }: RecordParts): string {
  return body === undefined ? head : `${head.slice(0, -1)},"body":${body}}`;
}

function recordOf(texts: RecordTexts): FetchRecord {
  const page = numberOf(texts['page']);
  const end = texts['page_end'];
  const isPaged = end !== undefined || page !== 1;
  const { error_code: code, error_message: message } = texts;
  const hasError = code !== undefined && message !== undefined;
  const record = {
    batch: texts['batch'],
    index: numberOf(texts['index']),
    page: isPaged ? page : undefined,
    end,
    params: parsed(texts['params']) ?? {},
    headers: parsed(texts['headers']),
    url: texts['url'],
    method: texts['method'],
    outcome: texts['outcome'],
    status: numberOf(texts['status']),
    attempts: numberOf(texts['attempts']),
    startedAt: texts['started_at'],
    durationMs: numberOf(texts['duration_ms']),
    bytes: numberOf(texts['bytes']),
    contentType: texts['content_type'],
    worker: texts['worker'],
    finalUrl: texts['final_url'],
    error: hasError ? { code, message } : undefined,
    selected: numberOf(texts['selected']),
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- readers check each line
  return record as FetchRecord;
}

function bodyOf(texts: RecordTexts): string | undefined {
  const text = texts['body_text'];
  const base64 = texts['body_bytes'];
  if (base64 === undefined) {
    return text === undefined ? texts['body'] : JSON.stringify(text);
  }
  const isText = texts['body_encoding'] === 'text';
  return JSON.stringify(isText ? Buffer.from(base64, 'base64').toString() : base64);
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function parsed(json: string | undefined): unknown {
  return json === undefined ? undefined : JSON.parse(json);
}
