import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readCrawlFile } from '@fetchfleet/crawl/file';
import { installLeakGuard, type TemporaryFolder, temporaryFolder } from '@fetchfleet/testing';
import type { Redis } from 'ioredis';
import { type FleetKeys, readLists, ScheduleLists } from '../../src/index.ts';
import { freshFleet } from '../fixture.ts';

let folder: TemporaryFolder;
let redis: Redis;
let keys: FleetKeys;
let lists: ScheduleLists;

beforeEach(async () => {
  folder = await temporaryFolder('lists');
  ({ redis, keys } = await freshFleet());
  lists = new ScheduleLists(redis, keys);
});

afterEach(async () => {
  const found = await redis.keys(`${keys.home.queuePrefix}*`);
  if (found.length > 0) {
    await redis.del(...found);
  }
  redis.disconnect();
  await folder.remove();
});

installLeakGuard();

async function crawlWith(source: string) {
  const path = join(folder.path, 'crawl.yaml');
  await writeFile(path, `url: https://a.example/{id}\nparams: { id: ${source} }\n`);
  return readCrawlFile(path);
}

async function ttl([sha = '']: Iterable<string>): Promise<number> {
  return redis.ttl(keys.scheduleList('s', sha));
}

describe('the list files of a schedule', () => {
  it('are stored compressed, and read back unchanged', async () => {
    const text = 'id\n'.padEnd(300_000, '12345\n');
    await writeFile(join(folder.path, 'ids.csv'), text);
    const stored = await readLists(await crawlWith('{ file: ids.csv, column: id }'), 's', 'c.yaml');
    await lists.store('s', stored.lists);
    const [source] = stored.crawl.sources;
    const path = source?.kind === 'file' ? source.path : '';
    expect(path).toMatch(/^stored:s\/[0-9a-f]{32}\/ids\.csv$/u);
    expect((await lists.read(path)).toString()).toBe(text);
    const [key = ''] = await redis.keys(`${keys.home.queuePrefix}:schedule-list:*`);
    expect(await redis.strlen(key)).toBeLessThan(10_000);
    expect(JSON.stringify(stored.crawl)).not.toContain(folder.path);
  });

  it('stay for 30 days when no schedule names them, for batches that are resumed', async () => {
    await writeFile(join(folder.path, 'ids.txt'), '1\n');
    const before = await readLists(await crawlWith('{ file: ids.txt }'), 's', 'c.yaml');
    await lists.store('s', before.lists);
    await writeFile(join(folder.path, 'ids.txt'), '2\n');
    const after = await readLists(await crawlWith('{ file: ids.txt }'), 's', 'c.yaml');
    await lists.store('s', after.lists);
    await lists.orphan(before.crawl, after.crawl);
    expect(await ttl(before.lists.keys())).toBeGreaterThan(29 * 86_400);
    expect(await ttl(after.lists.keys())).toBe(-1);
    await lists.store('s', before.lists);
    expect(await ttl(before.lists.keys())).toBe(-1);
  });

  it('are refused above 16 MiB together, with the alternative in the message', async () => {
    await writeFile(join(folder.path, 'ids.txt'), Buffer.alloc(17 * 2 ** 20, '1\n'));
    const crawl = await crawlWith('{ file: ids.txt }');
    await expect(readLists(crawl, 's', 'c.yaml')).rejects.toThrow(
      /c\.yaml params\.id: .*16 MiB together.*at a URL/u,
    );
  });

  it('are stored for rows as well, and named by their key where they are too large', async () => {
    await writeFile(join(folder.path, 'rows.csv'), 'id\n1\n');
    const path = join(folder.path, 'crawl.yaml');
    const text = 'url: https://a.example/{id}\nrows: { file: rows.csv, columns: [id] }\n';
    await writeFile(path, text);
    const crawl = await readCrawlFile(path);
    const stored = await readLists(crawl, 's', 'c.yaml');
    expect(stored.crawl.sources).toMatchObject([{ kind: 'rows', path: expect.any(String) }]);
    expect(JSON.stringify(stored.crawl.sources)).toMatch(/"stored:s\/[0-9a-f]{32}\/rows\.csv"/u);
    await lists.store('s', stored.lists);
    await lists.orphan(stored.crawl);
    expect(await ttl(stored.lists.keys())).toBeGreaterThan(29 * 86_400);
    await writeFile(join(folder.path, 'rows.csv'), Buffer.alloc(17 * 2 ** 20, '1\n'));
    await expect(readLists(crawl, 's', 'c.yaml')).rejects.toThrow(/c\.yaml rows: .*16 MiB/u);
  });

  it('are named in the error if they were removed', async () => {
    await expect(lists.read('stored:s/00/ids.txt')).rejects.toThrow(/not kept any more/u);
  });
});
