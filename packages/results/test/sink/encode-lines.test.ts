import { lineBytes, type RecordLine } from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { encodeLines } from '../../src/sink/encode-lines.ts';

const LINE_END = Buffer.from('\n');

const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc
    .tuple(fc.string({ unit: 'grapheme', minLength: 1 }), fc.nat(4_000))
    .map(([some, times]) => some.repeat(times)),
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 9 }),
  fc.nat(70_000).map((length) => new Uint8Array(length).fill(length % 251)),
);
const line: fc.Arbitrary<RecordLine> = fc.oneof(
  text,
  fc.tuple(text, fc.array(bytes, { maxLength: 3 })).map(([head, rest]) => [head, ...rest] as const),
);

describe('encodeLines', () => {
  it('gives the bytes of all lines, each with a line end', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        const expected = lines.flatMap((one) => [lineBytes(one), LINE_END]);
        const encoded = Buffer.concat([...encodeLines(lines)].flat());
        expect(encoded.equals(Buffer.concat(expected))).toBe(true);
      }),
    );
  });

  it('copies no large body', () => {
    const body = Buffer.alloc(50_000, 'x');
    const chunks = [...encodeLines([['{"body":', body, Buffer.from('}')], 'next'])].flat();
    expect(chunks.map(({ length }) => length)).toEqual([8, 50_000, 7]);
    expect(chunks[1]).toBe(body);
  });

  it('encodes a few lines of many at a time', () => {
    const lines = Array.from({ length: 100 }, () => 'x'.repeat(100_000));
    const groups = [...encodeLines(lines)].map((chunks) =>
      chunks.reduce((sum, { length }) => sum + length, 0),
    );
    expect(groups.length).toBeGreaterThan(5);
    expect(Math.max(...groups)).toBeLessThan(1_300_000);
  });

  it('gives large bodies together, because they are not copied', () => {
    const body = Buffer.alloc(1_000_000, 'x');
    const lines = Array.from({ length: 8 }, () => ['{"body":', body, Buffer.from('}')] as const);
    expect([...encodeLines(lines)]).toHaveLength(1);
  });
});
