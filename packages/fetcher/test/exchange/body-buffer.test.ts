import { describe, expect, it } from '@jest/globals';
import { BodyBuffer } from '../../src/exchange/body-buffer.ts';

describe('BodyBuffer', () => {
  it.each([[[]], [[5]], [[5, 5, 5]], [[1, 10_000, 3, 4_000, 20_000, 1]], [Array(40_000).fill(1)]])(
    'returns the bytes of all chunks in order',
    (sizes: number[]) => {
      const buffer = new BodyBuffer();
      const chunks = sizes.map((size, index) => Buffer.alloc(size, index % 251));
      for (const chunk of chunks) {
        buffer.add(chunk);
      }
      expect(buffer.take().equals(Buffer.concat(chunks))).toBe(true);
    },
  );

  it.each([
    ['as long as announced', 30_000, [10_000, 1, 19_999]],
    ['shorter', 30_000, [10_000, 1, 15_000]],
    ['longer in the third chunk', 30_000, [10_000, 10_000, 10_001, 5, 5, 9_000]],
    ['longer in the second', 5, [3, 3, 3]],
    ['longer after its end', 6, [3, 3, 3]],
    ['too long to be believed', 2 ** 40, [10_000, 3, 20_000]],
    ['of no announced length', Number.NaN, [10_000, 3, 20_000]],
  ])('returns the bytes of a body that is %s', (_, announced, sizes: number[]) => {
    const buffer = new BodyBuffer();
    const chunks = sizes.map((size, index) => Buffer.alloc(size, index + 1));
    buffer.announce(announced);
    for (const chunk of chunks) {
      buffer.add(chunk);
    }
    expect(buffer.take().equals(Buffer.concat(chunks))).toBe(true);
  });

  it('has a body of an announced length in memory once', () => {
    const buffer = new BodyBuffer();
    buffer.announce(1_000_000);
    for (let chunks = 0; chunks < 100; chunks++) {
      buffer.add(Buffer.alloc(10_000, 'x'));
    }
    expect(buffer.take().buffer.byteLength).toBe(1_000_000);
  });

  it.each([
    ['of its announced length', 9, '123456789'],
    ['that is shorter', 20, '123456789'],
    ['that is longer', 7, '123456789'],
  ])('takes what was written in its space, of a body %s', (_, announced, text) => {
    const buffer = new BodyBuffer();
    buffer.announce(announced);
    for (const part of [text.slice(0, 3), text.slice(3, 7), text.slice(7)]) {
      const space = buffer.space();
      const size = Math.min(space?.write(part) ?? 0, part.length);
      buffer.add(space === undefined ? Buffer.from(part) : space.subarray(0, size));
    }
    expect(buffer.take().toString()).toBe(text);
  });

  it('has no space for a body of no announced length, or beside chunks that came without it', () => {
    expect(new BodyBuffer().space()).toBeUndefined();
    const buffer = new BodyBuffer();
    buffer.announce(9);
    buffer.add(Buffer.from('123'));
    expect(buffer.space()).toBeUndefined();
  });

  it('does not copy a body of one chunk', () => {
    const buffer = new BodyBuffer();
    const chunk = Buffer.from('one');
    buffer.add(chunk);
    expect(buffer.take()).toBe(chunk);
  });
});
