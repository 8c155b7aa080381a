import type { RecordDraft } from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { MemoryPool } from '../../src/thread/memory-pool.ts';
import { packDrafts, packedBytes, unpackDrafts } from '../../src/thread/packed-drafts.ts';

// A lone half of a pair of surrogates has no UTF-8; heads and lines are JSON, which escapes them.
const text = fc.string({ unit: 'grapheme' });
const draft: fc.Arbitrary<RecordDraft> = fc.oneof(
  text,
  fc.record({
    head: text,
    body: fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
    contentType: fc.constantFrom(undefined, 'application/json', 'text/html', ''),
  }),
);

describe('packed drafts', () => {
  it('are the same on the other side', () => {
    fc.assert(
      fc.property(fc.array(draft, { maxLength: 20 }), (drafts) => {
        const memory = new ArrayBuffer(packedBytes(drafts));
        const packed = structuredClone(packDrafts(drafts, memory));
        const unpacked = unpackDrafts(packed).map((one) =>
          typeof one === 'string' ? one : { ...one, head: Buffer.from(one.head).toString() },
        );
        expect(unpacked).toEqual(drafts);
      }),
    );
  });
});

describe('MemoryPool', () => {
  it('gives memory again that was given back, and has none for what is too large', () => {
    const pool = new MemoryPool();
    const one = pool.take(10);
    const two = pool.take(10);
    expect(two).not.toBe(one);
    pool.giveBack(one);
    expect(pool.take(1_000)).toBe(one);
    const large = pool.take(100_000_000);
    pool.giveBack(large);
    expect([large.byteLength, pool.take(100_000_000) === large]).toEqual([100_000_000, false]);
  });
});
