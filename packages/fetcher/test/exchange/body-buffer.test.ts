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

  it('does not copy a body of one chunk', () => {
    const buffer = new BodyBuffer();
    const chunk = Buffer.from('one');
    buffer.add(chunk);
    expect(buffer.take()).toBe(chunk);
  });
});
