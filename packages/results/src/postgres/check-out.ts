import { open, writeFile } from 'node:fs/promises';
import { manifestPath, partPath } from '../folder/layout.ts';
import { formatManifest, type Manifest } from '../folder/manifest.ts';
import { copyError, TemporaryCopy } from '../store/temporary-copy.ts';
import type { CheckedOut } from '../store/store.ts';
import { COLUMNS } from './row/columns.ts';
import { readCopyLine } from './row/copy-text.ts';
import { escapeLiteral } from 'pg';
import { storedLine } from './row/record-texts.ts';
import type { Session } from './session.ts';

/** Characters of lines that are handed on at once. */
const PIECE_CHARACTERS = 256 * 1_024;
const NEWLINE = 0x0a;

/** As texts: times like in a record, and bytes as base64, which takes less room than hex. */
const SELECTED: Readonly<Record<string, string>> = {
  started_at: `to_char("started_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
  body_bytes: `translate(encode("body_bytes", 'base64'), E'\\n', '')`,
};

function copyStatement(batch: string): string {
  const list = COLUMNS.map(({ name }) => SELECTED[name] ?? `"${name}"`).join(', ');
  return `COPY (SELECT ${list} FROM fetches WHERE batch = ${escapeLiteral(batch)}
    ORDER BY index, page) TO STDOUT`;
}

/**
 * The records of a batch as lines, in the order of indexes and pages, in pieces that end with a
 * line. One statement sees one state of the table.
 *
 * @param beat called whenever the server sends something
 */
export async function* storedLines(
  session: Session,
  batch: string,
  beat: () => void,
): AsyncGenerator<string, void> {
  await session.script('BEGIN READ ONLY; SET LOCAL extra_float_digits = 1');
  let piece = '';
  for await (const line of linesOf(session.copyOut(copyStatement(batch)), beat)) {
    piece += `${storedLine(readCopyLine(line))}\n`;
    if (piece.length >= PIECE_CHARACTERS) {
      yield piece;
      piece = '';
    }
  }
  yield piece;
}

async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  beat: () => void,
): AsyncGenerator<Buffer, void> {
  let begun: Buffer[] = [];
  for await (const chunk of chunks) {
    beat();
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      begun.push(chunk.subarray(from, end));
      yield Buffer.concat(begun);
      begun = [];
      from = end + 1;
    }
    if (from < chunk.length) {
      begun.push(chunk.subarray(from));
    }
  }
}

interface CopiedRows {
  readonly batch: string;
  readonly manifest: Manifest | undefined;
  /** In order. */
  readonly content: AsyncIterable<string>;
  /** What the rows take where they are. */
  readonly storedBytes: number;
  readonly maxBytes: number | undefined;
}

/**
 * Writes rows to a temporary results folder, as one part.
 *
 * @throws ResultsUnreadableError if there is no room for them; CopyTooLargeError
 */
export async function copyRows(rows: CopiedRows): Promise<CheckedOut> {
  const copy = await TemporaryCopy.create(rows.batch, { maxBytes: rows.maxBytes });
  try {
    copy.refuseLarger(rows.storedBytes);
    await fill(copy, rows);
    return { dirs: [copy.dir], [Symbol.asyncDispose]: async () => copy[Symbol.asyncDispose]() };
  } catch (error) {
    await copy[Symbol.asyncDispose]();
    throw error;
  }
}

async function fill(copy: TemporaryCopy, { manifest, content }: CopiedRows): Promise<void> {
  const { folder } = copy;
  const explain = (error: unknown): never => {
    throw copyError(folder, error);
  };
  if (manifest !== undefined) {
    await writeFile(manifestPath(folder), formatManifest(manifest)).catch(explain);
  }
  const name = { worker: 'postgres', number: 1, compression: 'none' } as const;
  await using file = await open(partPath(folder, name), 'wx').catch(explain);
  for await (const piece of content) {
    copy.grow(Buffer.byteLength(piece));
    await file.writeFile(piece).catch(explain);
  }
}
