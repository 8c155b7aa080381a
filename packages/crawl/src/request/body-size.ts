import type { RequestBody } from '../model/plan.ts';
import { compileBody, piecesOfBody } from './compile-body.ts';

/** Of an expanded body. A worker has one in memory for every fetch in flight. */
export const MAX_REQUEST_BYTES = 2 ** 20;

/** What a character takes at most: in a form, three bytes of UTF-8 become `%E2%82%AC`. */
const MAX_BYTES_PER_CHARACTER = 9;

/** The size of a body without its values. */
export function sizeWithoutValues(body: RequestBody): number {
  const text = compileBody(body, new Map());
  return typeof text === 'string' ? Buffer.byteLength(text) : 0;
}

/**
 * Whether values could make a body too large, so that every single one has to be measured.
 *
 * @param maxLengthOf characters of the longest value of a parameter
 */
export function canBeTooLarge(body: RequestBody, maxLengthOf: (name: string) => number): boolean {
  let bytes = sizeWithoutValues(body);
  for (const piece of piecesOfBody(body)) {
    bytes += typeof piece === 'string' ? 0 : MAX_BYTES_PER_CHARACTER * maxLengthOf(piece.name);
  }
  return bytes > MAX_REQUEST_BYTES;
}
