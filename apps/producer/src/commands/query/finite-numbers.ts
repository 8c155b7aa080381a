import { Transform, type TransformCallback } from 'node:stream';

const [QUOTE, BACKSLASH, MINUS, UPPER_I, UPPER_N] = Buffer.from('"\\-IN');
const NULL = Buffer.from('null');

/**
 * JSON as DuckDB writes it, with `null` in place of numbers that JSON does not have: Infinity,
 * -Infinity and NaN. JSON.stringify does the same. In the text they are found wherever a value can
 * be: in a list, a struct, a map, a union, or in JSON that DuckDB has read.
 */
export class FiniteNumbers extends Transform {
  #isInText = false;
  #isEscaped = false;
  /** The beginning of such a number, whose end is in the next chunk. */
  #held = Buffer.alloc(0);

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    let [isInText, isEscaped] = [this.#isInText, this.#isEscaped];
    let from = 0;
    let end = data.length;
    for (let at = 0; at < end; at += 1) {
      const byte = data[at];
      if (isEscaped) {
        isEscaped = false;
      } else if (byte === QUOTE) {
        isInText = !isInText;
      } else if (isInText) {
        isEscaped = byte === BACKSLASH;
      } else if (byte === UPPER_I || byte === UPPER_N || (byte === MINUS && at + 1 === end)) {
        const start = data[at - 1] === MINUS ? at - 1 : at;
        const next = at + (byte === UPPER_I ? 'Infinity' : 'NaN').length;
        if (next > end) {
          end = start;
          break;
        }
        this.push(data.subarray(from, start));
        this.push(NULL);
        from = next;
        at = next - 1;
      }
    }
    [this.#isInText, this.#isEscaped] = [isInText, isEscaped];
    this.#held = Buffer.from(data.subarray(end));
    done(null, data.subarray(from, end));
  }
}
