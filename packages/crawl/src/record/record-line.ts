/**
 * A record as one line of NDJSON without its line end: a text, or one with the rest of the line
 * behind it as UTF-8. A body stays the bytes that were received until they are written.
 */
export type RecordLine = string | readonly [text: string, ...rest: readonly Uint8Array[]];

/** Characters of its text, and bytes of the rest: about what it takes in memory. */
export function lineLength(line: RecordLine): number {
  if (typeof line === 'string') {
    return line.length;
  }
  const [text, ...rest] = line;
  return rest.reduce((sum, bytes) => sum + bytes.length, text.length);
}

/** The whole line as UTF-8. */
export function lineBytes(line: RecordLine): Buffer {
  if (typeof line === 'string') {
    return Buffer.from(line);
  }
  const [text, ...rest] = line;
  return Buffer.concat([Buffer.from(text), ...rest]);
}

/** The whole line as a text. */
export function lineText(line: RecordLine): string {
  return typeof line === 'string' ? line : lineBytes(line).toString();
}
