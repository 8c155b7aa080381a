import { setImmediate } from 'node:timers/promises';
import { COLUMNS } from './columns.ts';
import type { RecordTexts } from './record-texts.ts';

/** Characters that are handled at once: about a millisecond of work. */
const STEP = 128 * 1_024;

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

const MEANINGS: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

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

function escaped(text: string): string {
  return /[\\\n\r\t]/.test(text)
    ? text.replaceAll(/[\\\n\r\t]/g, (one) => ESCAPES[one] ?? one)
    : text;
}

function* hexOf(base64: string): Generator<string, void> {
  for (let at = 0; at < base64.length; at += STEP) {
    yield Buffer.from(base64.slice(at, at + STEP), 'base64').toString('hex');
  }
}

/** Takes a line of COPY apart, without its newline. */
export function readCopyLine(line: string): RecordTexts {
  const fields = line.split('\t');
  const texts: Record<string, string | undefined> = {};
  for (const [at, { name }] of COLUMNS.entries()) {
    const field = fields[at];
    texts[name] = field === undefined || field === '\\N' ? undefined : unescaped(field);
  }
  return texts;
}

function unescaped(field: string): string {
  return field.includes('\\')
    ? field.replaceAll(/\\(.)/gs, (_, letter: string) => MEANINGS[letter] ?? letter)
    : field;
}
