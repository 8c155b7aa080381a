import {
  type Change,
  diffBatches,
  findPredecessor,
  FolderStore,
  type ListedChange,
} from '@fetchfleet/results';
import { installLeakGuard, type TemporaryFolder, temporaryFolder } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { type StoredFetch, storeBatch } from './changes-fixture.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('diff');
});
afterEach(async () => folder.remove());
installLeakGuard();

const older: readonly StoredFetch[] = [
  { id: 'same', body: '"s"' },
  { id: 'gone', body: '"g"' },
  { id: 'changed', body: '"1"' },
  { id: 'failed', body: '"f"' },
  { id: 'recovered' },
];
const unchanged = { batch: 'list-1', index: 0 };
const newer: readonly StoredFetch[] = [
  { id: 'recovered', body: '"r"' },
  { id: 'changed', body: '"2"' },
  { id: 'new', body: '"n"' },
  { id: 'failed' },
  { id: 'same', body: '"s"', unchanged },
];

async function diff(list: readonly Change[] = []) {
  const listed: ListedChange[] = [];
  const summary = await diffBatches({
    dirs: [folder.path],
    older: 'list-1',
    newer: 'list-2',
    list: new Set(list),
    onListed: (one) => void listed.push(one),
  });
  return { ...summary, listed };
}

const COUNTS = { added: 1, changed: 1, removed: 1, unchanged: 1, failed: 2 };
const WHOLE = { plan: { revalidate: undefined as never } };

describe('diffBatches', () => {
  it.each([
    ['both revalidate', {}, { refersTo: ['list-1'], day: 2 }, newer],
    [
      'none does',
      WHOLE,
      { ...WHOLE, day: 2 },
      newer.map(({ id, body }) => ({ id, ...(body && { body }) })),
    ],
    [
      'only the later does',
      WHOLE,
      { day: 2 },
      newer.map(({ id, body }) => ({ id, ...(body && { body }) })),
    ],
  ])('compares bodies by what was asked for where %s', async (_, before, after, fetches) => {
    await storeBatch(folder.path, 'list-1', older, before);
    await storeBatch(folder.path, 'list-2', fetches, after);
    expect(await diff()).toEqual({ counts: COUNTS, missing: 0, listed: [] });
  });

  it('lists what is wanted, in the order of the batches', async () => {
    await storeBatch(folder.path, 'list-1', older);
    await storeBatch(folder.path, 'list-2', newer, { refersTo: ['list-1'], day: 2 });
    const { listed } = await diff(['removed', 'failed', 'added']);
    expect(listed.map(({ change, batch, index }) => [change, batch, index])).toEqual([
      ['failed', 'list-2', 0],
      ['added', 'list-2', 2],
      ['failed', 'list-2', 3],
      ['removed', 'list-1', 1],
    ]);
    expect(listed[1]).toMatchObject({ url: 'http://api.example/new', outcome: 'ok' });
  });

  it('counts as a multiset would', async () => {
    const fetches = fc.array(
      fc.record({ id: fc.constantFrom('a', 'b', 'c'), body: fc.constantFrom('1', '2') }),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(fetches, fetches, async (before, after) => {
        await storeBatch(folder.path, 'list-1', before);
        await storeBatch(folder.path, 'list-2', after, { day: 2 });
        const { counts } = await diff();
        expect(counts).toEqual(expected(before, after));
      }),
      { numRuns: 30 },
    );
  });
});

type Bodies = readonly { readonly id: string; readonly body: string }[];

/** The same requests are paired in their order. */
function expected(before: Bodies, after: Bodies): Record<Change, number> {
  const counts = { added: 0, changed: 0, removed: 0, unchanged: 0, failed: 0 };
  for (const id of ['a', 'b', 'c']) {
    const one = before.filter((fetch) => fetch.id === id);
    const other = after.filter((fetch) => fetch.id === id);
    const pairs = Math.min(one.length, other.length);
    counts.removed += one.length - pairs;
    counts.added += other.length - pairs;
    for (let at = 0; at < pairs; at += 1) {
      counts[one[at]?.body === other[at]?.body ? 'unchanged' : 'changed'] += 1;
    }
  }
  return counts;
}

describe('findPredecessor', () => {
  it('is what the batch was compared with, or the last finished one before it', async () => {
    const a = [{ id: 'a', body: '1' }];
    await storeBatch(folder.path, 'list-1', a);
    await storeBatch(folder.path, 'list-2', a, { day: 2 });
    await storeBatch(folder.path, 'list-3', a, { day: 3, comparedWith: 'list-1' });
    await storeBatch(folder.path, 'list-4', a, { day: 4, comparedWith: 'list-pruned' });
    const stores = [new FolderStore(folder.path)];
    expect(await findPredecessor(stores, 'list-3')).toBe('list-1');
    expect(await findPredecessor(stores, 'list-4')).toBe('list-3');
    expect(await findPredecessor(stores, 'list-1')).toBeUndefined();
  });
});
