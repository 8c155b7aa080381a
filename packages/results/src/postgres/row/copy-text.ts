import { setImmediate } from 'node:timers/promises';
import { COLUMNS, NOTHING } from './columns.ts';
import type { RecordTexts } from './record-texts.ts';

/** Characters that are handled at once: about a millisecond of work. */
const STEP = 128 * 1_024;

/** What stands for NULL behind a backslash. */
const LETTER_OF_NULL = 0x4e;
const TAB = 0x09;
const BACKSLASH = 0x5c;

/** The bytes that letters behind a backslash mean; all others mean themselves. */
const MEANINGS = new Map([
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x76, 0x0b],
]);

/**
 * Rows in the text format of COPY, in pieces of about {@link STEP} characters. Other work gets its
 * turn between two of them.
 */
export async function* copyText(rows: Iterable<RecordTexts>): AsyncGenerator<string, void> {
  let piece = '';
  for (const row of rows) {
    for (const [at, { name, type }] of COLUMNS.entries()) {
      piece += at === 0 ? '' : '\t';
      const text = row[name];
      if (text === undefined) {
        piece += '\\N';
        continue;
      }
      piece += type === 'bytea' ? '\\\\x' : '';
      for (const part of type === 'bytea' ? hexOf(text) : escapedParts(text)) {
        piece += part;
        if (piece.length >= STEP) {
          yield piece;
          piece = '';
          await setImmediate();
        }
      }
    }
    piece += '\n';
  }
  if (piece !== '') {
    yield piece;
  }
}

function* escapedParts(text: string): Generator<string, void> {
  for (let at = 0; at < text.length;) {
    let end = Math.min(at + STEP, text.length);
    // A pair of surrogates is one character of UTF-8.
    end += end < text.length && isHighSurrogate(text.charCodeAt(end - 1)) ? 1 : 0;
    yield escaped(at === 0 && end === text.length ? text : text.slice(at, end));
    at = end;
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** Several passes are faster than one with a function that is called for each character. */
function escaped(text: string): string {
  return /[\\\n\r\t]/.test(text)
    ? text
        .replaceAll('\\', '\\\\')
        .replaceAll('\n', '\\n')
        .replaceAll('\r', '\\r')
        .replaceAll('\t', '\\t')
    : text;
}

function* hexOf(base64: string): Generator<string, void> {
  for (let at = 0; at < base64.length; at += STEP) {
    yield Buffer.from(base64.slice(at, at + STEP), 'base64').toString('hex');
  }
}

/** Takes a line of COPY apart, without its newline. The memory of the line is changed. */
export function readCopyLine(line: Buffer): RecordTexts {
  const texts: Record<string, string | undefined> = { ...NOTHING };
  let from = 0;
  for (const { name } of COLUMNS) {
    const tab = line.indexOf(TAB, from);
    const end = tab < 0 ? line.length : tab;
    texts[name] = fieldOf(line.subarray(from, end));
    from = end + 1;
  }
  return texts;
}

/** Undefined for NULL. */
function fieldOf(field: Buffer): string | undefined {
  let read = field.indexOf(BACKSLASH);
  if (read < 0) {
    return field.toString();
  }
  if (field.length === 2 && field[1] === LETTER_OF_NULL) {
    return undefined;
  }
  let written = read;
  while (read < field.length) {
    let byte = field[read] ?? 0;
    if (byte === BACKSLASH) {
      read += 1;
      const letter = field[read] ?? 0;
      byte = MEANINGS.get(letter) ?? letter;
    }
    field[written] = byte;
    written += 1;
    read += 1;
  }
  return field.toString('utf8', 0, written);
}
