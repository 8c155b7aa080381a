import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { installLeakGuard, type TemporaryFolder, temporaryFolder } from '@fetchfleet/testing';
import { parseCrawlFile } from '../../src/file/crawl-file.ts';
import type { Crawl } from '../../src/model/plan.ts';
import { fingerprintOf } from '../../src/expand/fingerprint.ts';

let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await temporaryFolder('fingerprint');
});

afterEach(async () => folder.remove());

installLeakGuard();

async function fingerprint(text: string): Promise<string> {
  return fingerprintOf(parseCrawlFile(text, join(folder.path, 'crawl.yaml')));
}

/** As version 0.1 stored it. */
function storedBy01(path: string): Crawl {
  return {
    plan: {
      name: 'crawl',
      url: 'https://a.example/{id}',
      params: ['id'],
      headers: {},
      politeness: {
        rate: 'unlimited',
        burst: 1,
        concurrency: 16,
        robots: 'obey',
        patienceMs: 3_600_000,
      },
      retry: { attempts: 5, backoffMs: 1000 },
      limits: { timeoutMs: 30_000, maxBodyBytes: 10_485_760, redirects: 5 },
      network: { allowPrivate: false, allow: [] },
    },
    sources: [{ name: 'id', kind: 'file', path, format: 'txt' }],
    combine: 'product',
  };
}

describe('the fingerprint of a crawl', () => {
  it('ignores comments, the order of keys and file times', async () => {
    const list = join(folder.path, 'ids.txt');
    await writeFile(list, '1\n2\n');
    const one = await fingerprint(
      'url: https://a.example/{id}\nparams: { id: { file: ids.txt } }\n',
    );
    await utimes(list, 1, 1);
    const other = await fingerprint(
      '# a comment\nparams: { id: { file: ids.txt } }\nurl: https://a.example/{id}\n',
    );
    expect(other).toBe(one);
  });

  it('changes with a list, inline or in a file', async () => {
    const list = join(folder.path, 'ids.txt');
    const text = 'url: https://a.example/{id}\nparams: { id: { file: ids.txt } }\n';
    await writeFile(list, '1\n2\n');
    const before = await fingerprint(text);
    await writeFile(list, '1\n3\n');
    expect(await fingerprint(text)).not.toBe(before);
    const inline = await fingerprint('url: https://a.example/{id}\nparams: { id: [1, 2] }\n');
    expect(await fingerprint('url: https://a.example/{id}\nparams: { id: [1, 3] }\n')).not.toBe(
      inline,
    );
  });

  it('survives a round trip through JSON, as in the ledger', async () => {
    const crawl = parseCrawlFile('url: https://a.example/{id}\nparams: { id: [1, 2] }\n', 'c.yaml');
    const stored: unknown = JSON.parse(JSON.stringify(crawl));
    expect(await fingerprintOf(stored as typeof crawl)).toBe(await fingerprintOf(crawl));
  });

  it('does not depend on what a batch is compared with', async () => {
    const text = 'url: https://a.example/{id}\nparams: { id: [1, 2] }\nrevalidate: true\n';
    const crawl = parseCrawlFile(text, 'c.yaml');
    const comparedWith = { batch: 'c-1', refersTo: ['c-1'] };
    const compared = { ...crawl, plan: { ...crawl.plan, comparedWith } };
    expect(await fingerprintOf(compared)).toBe(await fingerprintOf(crawl));
  });

  it('is that of version 0.1 for a crawl that version 0.1 stored', async () => {
    const list = join(folder.path, 'ids.txt');
    await writeFile(list, 'a \nb\n');
    const found = await fingerprintOf(storedBy01('/tmp/ids.txt'), storedBy01(list));
    expect(found).toBe('acb41d4ef0e3069b7becdee00961788b');
  });

  it('changes with the rules by which a list is read', async () => {
    await writeFile(join(folder.path, 'ids.txt'), '1\n2\n');
    const text = 'url: https://a.example/{id}\nparams: { id: { file: ids.txt } }\n';
    const untrimmed = text.replace('ids.txt', 'ids.txt, trim: false');
    expect(await fingerprint(untrimmed)).not.toBe(await fingerprint(text));
  });
});
