import { createReadStream, type ReadStream } from 'node:fs';
import { TextDecoder, types } from 'node:util';
import { codeOf, InputError, reasonOfFileError } from '../model/input-error.ts';
import { refuseNamedPipe } from '../model/named-pipe.ts';
import type { ListFile } from '../model/parameter-source.ts';
import { isFromVersion01, rulesOf } from './list-row.ts';

/** A file with a longer line is not a list of values. */
const MAX_LINE_LENGTH = 1_048_576;
/** The CSV parser turns a whole chunk into rows at once. Larger chunks are not faster. */
const CHUNK_BYTES = 64 * 1024;
const LINE_END = /\r\n|\n|\r/u;

const BYTE_ORDER_MARKS = [
  { encoding: 'utf-8', bytes: [0xef, 0xbb, 0xbf] },
  { encoding: 'utf-16le', bytes: [0xff, 0xfe] },
  { encoding: 'utf-16be', bytes: [0xfe, 0xff] },
] as const;

/**
 * Reads the text of a list in chunks, without a byte order mark.
 *
 * @throws InputError if the file cannot be read, or is not text in its encoding
 */
export async function* readText(file: ListFile, signal?: AbortSignal): AsyncGenerator<string> {
  const { path } = file;
  let stream: ReadStream | undefined;
  let decoder: TextDecoder | undefined;
  let line = 1;
  try {
    refuseNamedPipe(path);
    stream = createReadStream(path, { highWaterMark: CHUNK_BYTES, signal });
    for await (const chunk of stream) {
      const bytes = toBytes(chunk);
      decoder ??= new TextDecoder(encodingOf(file, bytes), { fatal: true });
      const text = decoder.decode(bytes, { stream: true });
      line += countLineBreaks(text);
      yield text;
    }
    yield decoder?.decode() ?? '';
  } catch (error) {
    signal?.throwIfAborted();
    const code = codeOf(error);
    if (code === undefined || error instanceof InputError) {
      throw error;
    }
    if (code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      const message = `the file cannot be read: ${reasonOfFileError(error)}`;
      throw fileProblem(path, message, { cause: error });
    }
    throw fileProblem(path, notText(file, decoder), { line, cause: error });
  } finally {
    stream?.destroy();
  }
}

function notText(file: ListFile, decoder: TextDecoder | undefined): string {
  const found = `the file is not valid ${(decoder?.encoding ?? 'utf-8').toUpperCase()} text`;
  const hint = rulesOf(file).encoding === undefined ? '; name another encoding in encoding:' : '';
  return `${found} from here on${hint}`;
}

/** A byte order mark says it, unless the crawl file does: then both must agree. */
function encodingOf(file: ListFile, bytes: Uint8Array): string {
  const { encoding } = rulesOf(file);
  const marked = BYTE_ORDER_MARKS.find((mark) =>
    mark.bytes.every((byte, at) => bytes[at] === byte),
  );
  if (encoding !== undefined && marked !== undefined && marked.encoding !== encoding) {
    const message = `the file begins with the byte order mark of ${marked.encoding.toUpperCase()}`;
    throw fileProblem(file.path, `${message}, but encoding: says ${encoding}`, { line: 1 });
  }
  return encoding ?? marked?.encoding ?? 'utf-8';
}

/** Reads the lines of a list in chunks, without their ends. The last one may be open. */
export async function* readLines(file: ListFile, signal?: AbortSignal): AsyncGenerator<string[]> {
  const split = isFromVersion01(file) ? splitLikeVersion01 : splitLines;
  let rest = '';
  let count = 0;
  for await (const text of readText(file, signal)) {
    const lines = split(rest + text);
    rest = lines.pop() ?? '';
    count += lines.length;
    if (rest.length > MAX_LINE_LENGTH) {
      throw fileProblem(file.path, `the line is longer than ${MAX_LINE_LENGTH} characters`, {
        line: count + 1,
      });
    }
    if (lines.length > 0) {
      yield lines;
    }
  }
  if (rest !== '') {
    yield [withoutReturn(rest)];
  }
}

/** The last entry is what follows the last line end. */
function splitLines(text: string): string[] {
  if (!text.includes('\r')) {
    return text.split('\n');
  }
  // A \r at the end may be the first half of \r\n.
  const isOpen = text.endsWith('\r');
  const lines = (isOpen ? text.slice(0, -1) : text).split(LINE_END);
  return isOpen ? [...lines.slice(0, -1), `${lines.at(-1) ?? ''}\r`] : lines;
}

function splitLikeVersion01(text: string): string[] {
  const lines = text.split('\n');
  const rest = lines.pop() ?? '';
  return [...lines.map(withoutReturn), rest];
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

function countLineBreaks(text: string): number {
  return splitLines(text).length - 1;
}

function toBytes(chunk: unknown): Uint8Array {
  if (types.isUint8Array(chunk)) {
    return chunk;
  }
  throw new Error('a stream without an encoding yields bytes');
}

function fileProblem(
  file: string,
  message: string,
  { line, cause }: { readonly line?: number; readonly cause?: unknown },
): InputError {
  return new InputError([{ file, message, ...(line === undefined ? {} : { line }) }], { cause });
}
