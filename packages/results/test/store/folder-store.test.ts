import { appendFile, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lineText } from '@fetchfleet/crawl';
import {
  type Compression,
  findCache,
  FolderStore,
  type Sink,
  ThreadedSink,
  verifyParts,
} from '@fetchfleet/results';
import { installLeakGuard, temporaryFolder } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BATCH, manifestOf, recordLine } from '../record-lines.ts';
import { describeStore, type Place } from './contract.ts';

installLeakGuard();

describe('a folder that is examined', () => {
  it('is not created, and is told if it could not be', async () => {
    const folder = await temporaryFolder('examine');
    const missing = join(folder.path, 'a', 'b');
    const examined = await new FolderStore(missing).examine();
    expect(examined).toEqual({ id: undefined, writeMs: undefined });
    expect(await readdir(folder.path)).toEqual([]);
    await writeFile(join(folder.path, 'file'), '');
    await expect(new FolderStore(join(folder.path, 'file', 'b')).examine()).rejects.toMatchObject({
      code: 'SINK_UNWRITABLE',
    });
    await folder.remove();
  });
});

describe('a folder with compressed parts', () => {
  let made: Place;
  beforeEach(async () => {
    made = await place('none');
  });
  afterEach(async () => made.stop());

  it('is read together with plain ones, whatever the reader compresses', async () => {
    const store = await partsOf(made, ['none', 'zstd', 'zstd']);
    const progress: number[][] = [];
    let copied = '';
    {
      const onProgress = (...bytes: number[]): unknown => progress.push(bytes);
      await using copy = await store.checkOut(BATCH, { onProgress });
      const [own, temporary = ''] = copy.dirs;
      expect([own, copy.dirs.length]).toEqual([store.location, 2]);
      copied = temporary;
      const { records, torn } = await verifyParts({ dir: copy.dirs, batch: BATCH, total: 3 });
      expect([records, torn]).toEqual([3, 0]);
    }
    const [done, total] = progress.at(-1) ?? [];
    expect([done, await exists(copied)]).toEqual([total, false]);
  });

  it('counts a torn frame as a torn line, and names what is no file', async () => {
    const store = await partsOf(made, ['zstd', 'none']);
    const folder = join(store.location, BATCH);
    await appendFile(join(folder, 'part-w-0-1.ndjson.zst'), Buffer.from([0x28, 0xb5, 0x2f, 0xfd]));
    await mkdir(join(folder, 'part-w-9-1.ndjson.zst'));
    await using copy = await store.checkOut(BATCH);
    const found = await verifyParts({ dir: copy.dirs, batch: BATCH, total: 3 });
    expect([found.records, found.torn, found.foreign]).toEqual([2, 1, 0]);
    expect(found.skippedParts).toEqual([
      `${join(folder, 'part-w-9-1.ndjson.zst')} is a folder, not a regular file`,
    ]);
  });

  it('is named where somebody reads it without checking it out', async () => {
    const store = await partsOf(made, ['zstd', 'none']);
    const found = await verifyParts({ dir: store.location, batch: BATCH, total: 3 });
    expect(found.skippedParts).toEqual([
      `${join(store.location, BATCH, 'part-w-0-1.ndjson.zst')} is compressed, and was not checked out`,
    ]);
  });

  it('has the same table of queries as long as no part changes', async () => {
    const store = await partsOf(made, ['zstd', 'none']);
    const path = async (): Promise<string> => (await findCache([store.location], BATCH)).path;
    const first = await path();
    await (await store.checkOut(BATCH))[Symbol.asyncDispose]();
    expect(await path()).toBe(first);
    await partsOf(made, ['zstd']);
    expect(await path()).not.toBe(first);
  });

  it('leaves no copy of what cannot be read to its end', async () => {
    const store = await partsOf(made, ['zstd']);
    const stopped = AbortSignal.abort(new Error('stopped'));
    const before = await copiesNow();
    await expect(store.checkOut(BATCH, { signal: stopped })).rejects.toThrow('stopped');
    expect(await copiesNow()).toEqual(before);
  });

  it('bounds what is written, not what is read', async () => {
    const store = await partsOf(made, ['zstd', 'zstd']);
    const before = await copiesNow();
    await expect(store.checkOut(BATCH, { maxBytes: 100 })).rejects.toThrow(
      `the records of ${BATCH} take more than 100 bytes`,
    );
    expect(await copiesNow()).toEqual(before);
  });

  it('is read where it is while nothing is compressed', async () => {
    const store = await partsOf(made, ['none']);
    const before = await copiesNow();
    await using copy = await store.checkOut(BATCH);
    expect(copy.dirs).toEqual([store.location]);
    expect(await copiesNow()).toEqual(before);
  });
});

/** A folder with a part of each writer. */
async function partsOf(made: Place, writers: readonly Compression[]): Promise<FolderStore> {
  for (const [at, compression] of writers.entries()) {
    const store = new FolderStore((await made.open()).location, { compression });
    const sink = store.sink({ worker: `w-${at}`, manifest: async () => manifestOf(3) });
    await sink.start();
    await sink.append(BATCH, [recordLine({ index: at })]);
    await sink.stop();
  }
  return new FolderStore((await made.open()).location);
}

async function copiesNow(): Promise<string[]> {
  const names = await readdir(tmpdir());
  return names.filter(
    (name) => name.startsWith(`fetchfleet-copy-`) && name.includes(`-${process.pid}-`),
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

describeStore('a folder', async () => place('none'));
describeStore('a folder with compressed parts', async () => place('zstd'));
describeStore('a folder that a thread writes to', async () => {
  const made = await place('none');
  return {
    ...made,
    open: async () => {
      const store = await made.open();
      const dir = store.location;
      store.sink = (options) =>
        threaded(new ThreadedSink({ ...options, dir, bytesWithoutThread: 0 }));
      return store;
    },
  };
});

/** A sink for lines. */
function threaded(sink: ThreadedSink): Sink {
  return {
    get id() {
      return sink.id;
    },
    start: async () => sink.start(),
    assertSame: async () => sink.assertSame(),
    append: async (batch, lines) => sink.append(batch, lines.map(lineText)),
    stop: async () => sink.stop(),
  };
}

async function place(compression: Compression): Promise<Place> {
  const folder = await temporaryFolder('store');
  const dir = join(folder.path, 'results');
  const aside = join(folder.path, 'aside');
  return {
    open: async () => new FolderStore(dir, { compression }),
    damage: async () => {
      await rename(dir, aside);
      await writeFile(dir, '');
    },
    mend: async () => {
      await rm(dir);
      await rename(aside, dir);
    },
    replace: async () => {
      await rename(dir, aside);
      await mkdir(dir);
      await writeFile(join(dir, '.fetchfleet-results'), '0b9f5b7e-0000-4000-8000-000000000000\n');
    },
    addForeign: async (batch) => writeFile(join(dir, batch, 'notes.txt'), 'mine'),
    stop: async () => folder.remove(),
  };
}
