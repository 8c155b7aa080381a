import { describe, expect, it } from '@jest/globals';
import { contentHash } from '../../src/revalidate/content-hash.ts';
import { packSlice, unpackSlice } from '../../src/slice/pack-slice.ts';
import { parseSlice } from '../../src/slice/parse-slice.ts';
import type { PendingFetch } from '../../src/slice/slice.ts';

const BATCH = 'list-20260102-0000-aaaa';
const ORIGIN = 'https://api.example';
const hash = contentHash('x');
const at = { batch: 'list-20260101-0000-bbbb', index: 7 };

function fetch(index: number, known?: PendingFetch['known']): PendingFetch {
  const fresh = { index, values: [`v${index}`], attempts: 0, dueAt: 0, throttledSince: 0 };
  return known === undefined ? fresh : { ...fresh, known };
}

describe('what is known of answers', () => {
  it('survives Redis', () => {
    const lastModified = 'Thu, 01 Jan 2026 00:00:00 GMT';
    const fetches = [
      fetch(1, { hash, etag: '"a"', lastModified, vary: 'accept', at }),
      fetch(2),
      fetch(3, { hash, at: { ...at, index: 0 } }),
      fetch(4, { hash, lastModified, at: { ...at, batch: 'list-20260100-0000-cccc' } }),
    ];
    const slice = packSlice(BATCH, ORIGIN, fetches);
    expect(unpackSlice(parseSlice(JSON.parse(JSON.stringify(slice)), 1))).toEqual(fetches);
  });

  it('may have a batch, a date and a Vary for each fetch', () => {
    const lastModified = 'Thu, 01 Jan 2026 00:00:00 GMT';
    const fetches = [fetch(1, { hash, lastModified, vary: 'accept', at })];
    const slice = packSlice(BATCH, ORIGIN, fetches);
    expect(slice.known?.texts).toHaveLength(3);
    expect(unpackSlice(parseSlice(slice, 1))).toEqual(fetches);
  });

  it('adds nothing to a slice of which nothing is known', () => {
    expect(packSlice(BATCH, ORIGIN, [fetch(1)])).not.toHaveProperty('known');
  });

  it.each([
    ['an ETag with a line break', ['"a\r\nx: y"', -1, -1]],
    ['an ETag without quotes', ['a', -1, -1]],
    ['a date that is none', ['', 1, -1]],
    ['a Vary that is none', ['', -1, 1]],
    ['a text that there is not', ['', 5, -1]],
  ])('is refused with %s', (_, [etag, lastModified, vary]) => {
    const known = {
      texts: [at.batch, 'x\r\ny'],
      answers: [[0, 0, 7, hash, etag, lastModified, vary]],
    };
    const slice = { ...packSlice(BATCH, ORIGIN, [fetch(1)]), known };
    expect(() => parseSlice(slice, 1)).toThrow('known is not what is known of answers');
  });

  it.each([
    ['a batch that is a path', { texts: ['../x'], answers: [[0, 0, 7, hash, '', -1, -1]] }],
    ['no index', { texts: [at.batch], answers: [[0, 0, -1, hash, '', -1, -1]] }],
    ['a hash that is none', { texts: [at.batch], answers: [[0, 0, 7, '', '', -1, -1]] }],
    ['a position behind the slice', { texts: [at.batch], answers: [[1, 0, 7, hash, '', -1, -1]] }],
    [
      'a position twice',
      { texts: [at.batch], answers: [0, 0].map((p) => [p, 0, 7, hash, '', -1, -1]) },
    ],
    ['more texts than it can have', { texts: Array.from({ length: 4 }, () => 'a'), answers: [] }],
    ['no list', { texts: [at.batch] }],
    ['nothing', null],
  ])('is refused with %s', (_, known) => {
    const slice = { ...packSlice(BATCH, ORIGIN, [fetch(1)]), known };
    expect(() => parseSlice(slice, 1)).toThrow('known is not what is known of answers');
  });
});
