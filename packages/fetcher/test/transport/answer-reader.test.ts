import { describe, expect, it } from '@jest/globals';
import { AnswerReader } from '../../src/transport/answer-reader.ts';

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;

/** What comes first, and what then comes byte by byte. */
const SLOW: readonly (readonly [name: string, first: string, rest: string])[] = [
  ['a head of many lines', `${OK}${'a:\r\n'.repeat(10_000)}`, 'b'.repeat(1_000)],
  ['a head of many lines, with LF', `${OK}${'a:\n'.repeat(10_000)}`, 'b:\n'.repeat(300)],
  ['a head of one long line', `${OK}a: ${'b'.repeat(40_000)}`, 'b'.repeat(1_000)],
  ['blank lines before a head', '\r\n'.repeat(10_000), '\r\n'.repeat(500)],
  ['a head behind interim ones', 'HTTP/1.1 103 X\r\n\r\n'.repeat(4_000), OK + 'b'.repeat(1_000)],
  ['the size of a chunk', `${CHUNKED}1;${'x'.repeat(15_000)}`, 'x'.repeat(1_000)],
  ['a trailer', `${CHUNKED}0\r\nx: ${'x'.repeat(15_000)}`, 'x'.repeat(1_000)],
];

type Method = (this: unknown, ...args: unknown[]) => unknown;

function sizeOf(value: unknown): number {
  return Buffer.isBuffer(value) ? value.length : 0;
}

/** Counts the bytes that buffers copy or search while something runs. */
function countBytes(run: () => void): number {
  let bytes = 0;
  const restore: (() => void)[] = [];
  const watch = (
    owner: object,
    name: string,
    count: (result: unknown, of: unknown[]) => number,
  ) => {
    const original = Reflect.get(owner, name) as Method;
    const watched: Method = function (...args) {
      const result = Reflect.apply(original, this, args);
      bytes += count(result, [this, ...args]);
      return result;
    };
    Reflect.set(owner, name, watched);
    restore.push(() => Reflect.set(owner, name, original));
  };
  watch(Buffer, 'concat', sizeOf);
  watch(Buffer, 'from', sizeOf);
  watch(Buffer.prototype, 'copy', Number);
  watch(Buffer.prototype, 'indexOf', (found, [searched, , from = 0]) => {
    return (found === -1 ? sizeOf(searched) : Number(found) + 1) - Number(from);
  });
  try {
    run();
  } finally {
    for (const undo of restore) {
      undo();
    }
  }
  return bytes;
}

describe('an answer that comes byte by byte', () => {
  it.each(SLOW)('costs as much for each byte, however much has come: %s', (_name, first, rest) => {
    const errors: Error[] = [];
    const reader = new AnswerReader(
      {
        isAsked: () => true,
        onHead: () => undefined,
        onBody: () => undefined,
        onEnd: () => undefined,
        onUnasked: () => undefined,
        onInvalid: (error) => errors.push(error),
      },
      {},
    );
    const arrivals = [Buffer.from(first), ...rest.split('').map((letter) => Buffer.from(letter))];
    const bytes = countBytes(() => {
      for (const arrival of arrivals) {
        reader.read(arrival);
      }
    });
    expect(errors).toEqual([]);
    expect(bytes).toBeLessThan(8 * (first.length + rest.length));
  });
});
