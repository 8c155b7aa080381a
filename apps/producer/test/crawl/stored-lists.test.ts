import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Only } from '@fetchfleet/crawl';
import { readCrawlFile } from '@fetchfleet/crawl/file';
import { closeAfterEach, type TemporaryFolder, temporaryFolder } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Place } from '@fetchfleet/results/place';
import { checkStoredLists } from '../../src/crawl/stored-lists.ts';

closeAfterEach();

let folder: TemporaryFolder;

/** A project with a crawl file and its list, and the files of somebody else beside it. */
beforeEach(async () => {
  folder = await temporaryFolder('stored-lists');
  await mkdir(at('project/lists'), { recursive: true });
  await mkdir(at('home'));
  await mkdir(at('project-2'));
  await writeFile(at('project/lists/ids.csv'), 'id\n1\n');
  await writeFile(at('project-2/ids.csv'), 'id\n1\n');
  await writeFile(at('home/customers.csv'), 'id\n1\n');
  await symlink(at('home/customers.csv'), at('project/link.csv'));
  await symlink(at('home'), at('project/linked'));
  await symlink(at('project'), at('other-name'));
});

afterEach(async () => folder.remove());

function at(name: string): string {
  return join(folder.path, name);
}

const KINDS = {
  params: (file: string) => `params: { id: { file: ${file}, column: id } }`,
  rows: (file: string) => `rows: { file: ${file}, columns: [id] }`,
};
let kind: keyof typeof KINDS = 'params';

function crawlText(file: string): string {
  return `url: https://a.example/{id}\n${KINDS[kind](file)}\n`;
}

interface Case {
  /** The list, as Redis names it. */
  readonly list: string;
  readonly cwd?: string;
  readonly source?: string;
  readonly url?: string;
  readonly trustLists?: boolean;
}

async function check({ list, cwd = 'project-2', source, url, trustLists = false }: Case) {
  const { plan, sources, combine } = await readCrawlFile(at('project/crawl.yaml'));
  const crawl = {
    plan: { ...plan, url: url ?? plan.url },
    sources: sources.map((one) => ({
      ...one,
      path: list.includes(':') ? list : `${folder.path}/${list}`,
    })),
    combine,
  };
  const status = { batch: 'b', source: at(source ?? 'nowhere.yaml') };
  const options = {
    cwd: cwd === '/' ? cwd : at(cwd),
    trustLists,
    results: Place.parse('project/results', folder.path),
  };
  return checkStoredLists(crawl, status, options);
}

const OWN = 'project/lists/ids.csv';
const CRAWL_FILE = 'project/crawl.yaml';

describe.each(['params', 'rows'] as const)('the list files that Redis names for %s', (one) => {
  beforeEach(async () => {
    kind = one;
    await writeFile(at('project/crawl.yaml'), crawlText('lists/ids.csv'));
  });

  it.each<[string, Case]>([
    ['in the current folder', { list: OWN, cwd: 'project' }],
    ['in the current folder, whose name is a link', { list: OWN, cwd: 'other-name' }],
    ['in the folder of their crawl file', { list: OWN, source: CRAWL_FILE }],
    ['missing in the current folder', { list: 'project/gone.csv', cwd: 'project' }],
    [
      'anywhere, if they are trusted',
      { list: 'home/customers.csv', cwd: 'project', trustLists: true },
    ],
    ['at URLs', { list: 'https://a.example/ids.csv' }],
    ['in Redis itself', { list: 'stored:x/y/ids.csv' }],
  ])('are read: %s', async (_where, how) => {
    await expect(check(how)).resolves.toBeUndefined();
  });

  it.each<[string, Case]>([
    ['outside of the current folder', { list: OWN }],
    ['in a folder whose name begins alike', { list: 'project-2/ids.csv', cwd: 'project' }],
    ['behind a link', { list: 'project/link.csv', cwd: 'project' }],
    ['behind a link to a folder', { list: 'project/linked/customers.csv', cwd: 'project' }],
    ['above, by dots', { list: 'project/../home/customers.csv', cwd: 'project' }],
    ['missing elsewhere', { list: 'home/gone.csv', cwd: 'project' }],
    ['anywhere, seen from the root', { list: OWN, cwd: '/' }],
    ['that the crawl file does not name', { list: 'project/other.csv', source: CRAWL_FILE }],
    [
      'of a crawl file with another URL',
      { list: OWN, source: CRAWL_FILE, url: 'https://evil.example/{id}' },
    ],
    ['of a crawl file that is none', { list: OWN, source: OWN }],
  ])('are refused: %s', async (_where, how) => {
    await expect(check(how)).rejects.toMatchObject({
      code: 'LISTS_UNTRUSTED',
      message: expect.stringContaining('--trust-lists'),
    });
  });

  it('are refused without what would control the terminal', async () => {
    const list = 'home/\u001B[2J.csv';
    await expect(check({ list })).rejects.toThrow(/\\u001b\[2J\.csv/u);
  });

  it('are refused outside of the folder of a crawl file that names them', async () => {
    await writeFile(at(CRAWL_FILE), crawlText('../home/customers.csv'));
    const how = { list: 'home/customers.csv', cwd: 'project-2', source: CRAWL_FILE };
    await expect(check(how)).rejects.toMatchObject({ code: 'LISTS_UNTRUSTED' });
  });
});

/** Checks a list in the folder of the crawl file from another folder. */
async function checkStored(batch: string, only?: Only): Promise<void> {
  const text = 'params: { id: { file: lists/ids.csv, column: id }, n: { batch: list, select: $ } }';
  await writeFile(at(CRAWL_FILE), `url: https://a.example/{id}/{n}\n${text}\n`);
  const { sources, ...written } = await readCrawlFile(at(CRAWL_FILE));
  const stored = {
    ...written,
    ...(only !== undefined && { only }),
    sources: sources.map((one) => (one.kind === 'batch' ? { ...one, batch } : one)),
  };
  const options = {
    cwd: at('project-2'),
    trustLists: false,
    results: Place.parse('project-2/results', folder.path),
  };
  await checkStoredLists(stored, { batch: 'b', source: at(CRAWL_FILE) }, options);
}

describe('a crawl that was stored with what its command added', () => {
  it.each<[string, Only | undefined]>([
    ['the id of a batch', undefined],
    ['--limit', { first: 3 }],
    ['--sample', { spread: 3, of: 9 }],
  ])('is that of its crawl file: %s', async (_what, only) => {
    await expect(checkStored('list-20261123-0017-k3f9', only)).resolves.toBeUndefined();
  });

  it.each(['other-20261123-0017-k3f9', 'list-20261123', 'list-2-20261123-0017-k3f9'])(
    'is another one with the batch %s',
    async (batch) => {
      await expect(checkStored(batch)).rejects.toMatchObject({ code: 'LISTS_UNTRUSTED' });
    },
  );
});

async function checkBatch(cwd: string, trustLists = false) {
  const { plan, combine } = await readCrawlFile(at('project/crawl.yaml'));
  const source = { name: 'id', kind: 'batch', batch: 'list-1', select: '$' } as const;
  const status = { batch: 'b', source: at('nowhere.yaml') };
  const options = {
    cwd: at(cwd),
    trustLists,
    results: Place.parse('project/results', folder.path),
  };
  return checkStoredLists({ plan, sources: [source], combine }, status, options);
}

describe('the batch whose records Redis names', () => {
  it('is read where its results are in the current folder, or trusted', async () => {
    await writeFile(at('project/crawl.yaml'), 'url: https://a.example/');
    await expect(checkBatch('project')).resolves.toBeUndefined();
    await expect(checkBatch('home', true)).resolves.toBeUndefined();
    await expect(checkBatch('home')).rejects.toThrow(/results\/list-1.*--trust-lists/u);
  });
});
