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

  it('does not copy a body of one chunk', () => {
    const buffer = new BodyBuffer();
    const chunk = Buffer.from('one');
    buffer.add(chunk);
    expect(buffer.take()).toBe(chunk);
  });
});
