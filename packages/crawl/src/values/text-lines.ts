import { createReadStream } from 'node:fs';
import { types } from 'node:util';
import { codeOf, InputError, reasonOfFileError } from '../model/input-error.ts';

/** A file with a longer line is not a list of values. */
const MAX_LINE_LENGTH = 1_048_576;
/** The CSV parser turns a whole chunk into rows at once. Larger chunks are not faster. */
const CHUNK_BYTES = 64 * 1024;

/**
 * Reads the text of a UTF-8 file in chunks, without a byte order mark.
 *
 * @throws InputError if the file cannot be read or is not UTF-8
 */
export async function* readUtf8(path: string, signal?: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES, signal });
  let line = 1;
  try {
    for await (const chunk of stream) {
      const text = decoder.decode(toBytes(chunk), { stream: true });
      line += countLineBreaks(text);
      yield text;
    }
    yield decoder.decode();
  } catch (error) {
    signal?.throwIfAborted();
    const code = codeOf(error);
    if (code === undefined) {
      throw error;
    }
    throw code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
      ? fileProblem(path, 'the file is not valid UTF-8 text from here on', { line, cause: error })
      : fileProblem(path, `the file cannot be read: ${reasonOfFileError(error)}`, { cause: error });
  } finally {
    stream.destroy();
  }
}

/** Reads the lines of a UTF-8 file in chunks, without `\n` and `\r\n`. The last one may be open. */
export async function* readLines(path: string, signal?: AbortSignal): AsyncGenerator<string[]> {
  let rest = '';
  let count = 0;
  for await (const text of readUtf8(path, signal)) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    count += lines.length;
    if (rest.length > MAX_LINE_LENGTH) {
      throw fileProblem(path, `the line is longer than ${MAX_LINE_LENGTH} characters`, {
        line: count + 1,
      });
    }
    if (lines.length > 0) {
      yield lines.map(withoutReturn);
    }
  }
  if (rest !== '') {
    yield [withoutReturn(rest)];
  }
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

function countLineBreaks(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
    count++;
  }
  return count;
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
