/**
 * A record as one line of NDJSON without its line end, in pieces: texts, and bytes that are UTF-8.
 * A body stays the bytes that were received until they are written.
 */
export type RecordLine = string | readonly (string | Uint8Array)[];

/** Characters of its texts, and bytes of the rest: about what it takes in memory. */
export function lineLength(line: RecordLine): number {
  return typeof line === 'string' ? line.length : line.reduce((sum, { length }) => sum + length, 0);
}

/** The whole line as UTF-8. */
export function lineBytes(line: RecordLine): Buffer {
  return typeof line === 'string' ? Buffer.from(line) : Buffer.concat(line.map(pieceBytes));
}

/** The whole line as a text. */
export function lineText(line: RecordLine): string {
  return typeof line === 'string' ? line : lineBytes(line).toString();
}

function pieceBytes(piece: string | Uint8Array): Uint8Array {
  return typeof piece === 'string' ? Buffer.from(piece) : piece;
}
