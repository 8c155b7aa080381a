import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Comparison, Plan } from '@fetchfleet/crawl';
import {
  type CheckedOut,
  findComparedBatch,
  FolderStore,
  openKnownAnswers,
} from '@fetchfleet/results';
import { installLeakGuard, type TemporaryFolder, temporaryFolder } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { crawlOf, planOf, type StoredFetch, storeBatch } from './changes-fixture.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('known');
});
afterEach(async () => folder.remove());
installLeakGuard();

/** What the last batch knows of each of these ids. */
async function knownOf(ids: readonly string[], own: Partial<Plan> = {}, pinned?: Comparison) {
  const crawl = crawlOf(ids, own);
  const found =
    pinned === undefined
      ? await findComparedBatch(new FolderStore(folder.path), crawl.plan)
      : { comparison: pinned };
  const { comparison } = found;
  const total = ids.length;
  const known = await openKnownAnswers({
    store: new FolderStore(folder.path),
    crawl,
    comparison,
    total,
  });
  const answers = ids.map((id, index) => known?.of({ index, values: [id] }));
  await known?.stop();
  return { answers, refersTo: known?.refersTo, ...('reason' in found && { reason: found.reason }) };
}

/** A place where it costs much to copy a batch, and to measure one. */
class FarStore extends FolderStore {
  readonly copied: string[] = [];
  /** Copies that were not given back. */
  readonly open = new Set<string>();

  override async checkOut(batch: string): Promise<CheckedOut> {
    const { dirs } = await super.checkOut(batch);
    this.copied.push(batch);
    this.open.add(batch);
    return { dirs, [Symbol.asyncDispose]: async () => void this.open.delete(batch) };
  }

  override async measure(): Promise<never> {
    throw new Error('all records would be read');
  }
}

const a: StoredFetch = { id: 'a', body: '{"a":1}', etag: '"a"' };
const b: StoredFetch = { id: 'b', body: '{"b":1}', etag: 'W/"b"' };
const failed: StoredFetch = { id: 'c' };

describe('what is known of answers', () => {
  it('is found by what is asked for, in whatever order', async () => {
    await storeBatch(folder.path, 'list-1', [a, failed, b]);
    const { answers, refersTo } = await knownOf(['new', 'b', 'c', 'a']);
    expect(answers.map((one) => one && [one.etag, one.at.index])).toEqual([
      undefined,
      ['W/"b"', 2],
      undefined,
      ['"a"', 0],
    ]);
    expect(refersTo).toEqual(['list-1']);
  });

  it('hands references on, so that they do not chain, and names only what is used', async () => {
    await storeBatch(folder.path, 'list-1', [a, b]);
    const unchanged = { batch: 'list-1', index: 1 };
    const refers = { refersTo: ['list-1', 'list-0'], day: 2 };
    await storeBatch(folder.path, 'list-2', [{ ...b, unchanged }], refers);
    const { answers, refersTo } = await knownOf(['b']);
    expect(answers[0]?.at).toEqual(unchanged);
    expect(refersTo).toEqual(['list-1']);
  });

  it('is nothing where the body is gone: it is fetched again', async () => {
    await storeBatch(folder.path, 'list-1', [a]);
    const unchanged = { batch: 'list-1', index: 0 };
    await storeBatch(folder.path, 'list-2', [{ ...a, unchanged }], {
      refersTo: ['list-1'],
      day: 2,
    });
    await rm(join(folder.path, 'list-1'), { recursive: true });
    expect(await knownOf(['a'])).toMatchObject({ answers: [undefined], refersTo: [] });
  });

  it('counts only for the same values of the headers that Vary names', async () => {
    await storeBatch(folder.path, 'list-1', [{ ...a, vary: 'accept-language' }, b]);
    const { answers } = await knownOf(['a', 'b'], { headers: { 'accept-language': 'fr' } });
    expect(answers.map((one) => one?.etag)).toEqual([undefined, 'W/"b"']);
    expect((await knownOf(['a'])).answers[0]?.vary).toBe('accept-language');
  });

  it.each([
    [
      'other rules for answers',
      { expect: { has: '$.a' } },
      'expect or keep has changed since list-1',
    ],
    ['another name', { name: 'other' }, 'there is no finished batch of other in '],
  ])('is nothing with %s', async (_, own, reason) => {
    await storeBatch(folder.path, 'list-1', [a]);
    const found = await knownOf(['a'], own);
    expect(found.answers).toEqual([undefined]);
    expect(found.reason).toContain(reason);
  });

  it('is nothing of a batch that was fetched without revalidate, or of another crawl', async () => {
    await storeBatch(folder.path, 'list-1', [a], { plan: { revalidate: undefined as never } });
    expect(await findComparedBatch(new FolderStore(folder.path), planOf())).toEqual({
      reason: 'list-1 was fetched without revalidate',
    });
    await storeBatch(folder.path, 'other-1', [a], { plan: { name: 'other' } });
    const pinned = { batch: 'other-1', refersTo: ['other-1'] };
    expect((await knownOf(['a'], {}, pinned)).answers).toEqual([undefined]);
  });

  it('costs one copy of each batch that may be the earlier one', async () => {
    await storeBatch(folder.path, 'list-1', [a, b]);
    await storeBatch(folder.path, 'list-2', [a], { day: 2 });
    await rm(join(folder.path, 'list-2', 'part-w-1.ndjson'));
    const store = new FarStore(folder.path);
    const crawl = crawlOf(['a', 'b']);
    const { comparison } = await findComparedBatch(store, crawl.plan);
    expect([...store.open]).toEqual(['list-1']);
    const known = await openKnownAnswers({ store, crawl, comparison, total: 2 });
    expect(known?.count).toBe(2);
    expect(store.copied).toEqual(['list-2', 'list-1']);
    await known?.stop();
    expect([...store.open]).toEqual([]);
    const { plan } = crawlOf(['a'], { expect: { status: [[404, 404]] } });
    expect(await findComparedBatch(store, plan)).toHaveProperty('reason');
    const { comparison: again } = await findComparedBatch(store, crawl.plan);
    await rm(join(folder.path, 'list-1'), { recursive: true });
    expect(await openKnownAnswers({ store, crawl, comparison: again, total: 2 })).toBeUndefined();
    expect([...store.open]).toEqual([]);
  });

  it('is what a Map would find', async () => {
    const ids = fc.array(fc.integer({ min: 0, max: 40 }).map(String), { maxLength: 60 });
    let day = 0;
    await fc.assert(
      fc.asyncProperty(ids, ids, async (earlier, now) => {
        day += 1;
        const batch = `list-${day}`;
        const fetches = earlier.map((id) => ({ id, body: `"${id}"` }));
        await storeBatch(folder.path, batch, fetches, { day });
        const places = new Map(earlier.map((id, index) => [id, { batch, index }]));
        const { answers } = await knownOf(now, {}, { batch, refersTo: [batch] });
        expect(answers.map((one) => one?.at)).toEqual(now.map((id) => places.get(id)));
      }),
      { numRuns: 40 },
    );
  });
});
