import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { installLeakGuard, type TemporaryFolder, temporaryFolder } from '@fetchfleet/testing';
import { join } from 'node:path';
import { parseCrawlFile, readCrawlFile } from '../../src/file/crawl-file.ts';
import { expandCrawl } from '../../src/expand/expand-crawl.ts';
import { InputError } from '../../src/model/input-error.ts';
import { LocalCrawl, type OpenList } from '../../src/expand/local-crawl.ts';
import { writeFile } from 'node:fs/promises';

let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await temporaryFolder('local-crawl');
});

afterEach(async () => folder.remove());

installLeakGuard();

const TEXT =
  'url: https://a.example/{id}\nparams: { id: { file: "https://b.example/ids.csv?v=1", column: id } }\n';

function serving(text: string): OpenList {
  return async () => [Buffer.from(text)];
}

const refuse: OpenList = async ({ path }) => {
  throw new InputError([{ file: path, message: 'it answered 404' }]);
};

async function valuesOf({ crawl }: LocalCrawl): Promise<string[]> {
  const values: string[] = [];
  for await (const chunk of expandCrawl(crawl)) {
    values.push(...chunk.map((one) => one.values.join()));
  }
  return values;
}

describe('a remote list', () => {
  it('is copied once, and the copy can be removed', async () => {
    const crawl = parseCrawlFile(TEXT, 'crawl.yaml');
    const local = await LocalCrawl.of(crawl, serving('id,x\n1,a\n2,b\n'));
    expect(await local.measure()).toMatchObject({ total: 2 });
    expect(await valuesOf(local)).toEqual(['1', '2']);
    expect(local.original.sources).toMatchObject([{ path: 'https://b.example/ids.csv?v=1' }]);
    const [copy] = local.crawl.sources;
    expect(existsSync(copy?.kind === 'file' ? copy.path : '')).toBe(true);
    await local.remove();
    expect(existsSync(copy?.kind === 'file' ? copy.path : '')).toBe(false);
  });

  it('determines the fingerprint by its contents, not by the path of the copy', async () => {
    const crawl = parseCrawlFile(TEXT, 'crawl.yaml');
    const [one, same, other] = await Promise.all(
      ['id\n1\n', 'id\n1\n', 'id\n2\n'].map(async (text) => LocalCrawl.of(crawl, serving(text))),
    );
    expect(await same?.fingerprint()).toBe(await one?.fingerprint());
    expect(await other?.fingerprint()).not.toBe(await one?.fingerprint());
    await Promise.all([one, same, other].map(async (local) => local?.remove()));
  });

  it('is named by its URL in problems', async () => {
    const crawl = parseCrawlFile(TEXT, 'crawl.yaml');
    const local = await LocalCrawl.of(crawl, serving('id\n1\n\n"'));
    await expect(local.measure()).rejects.toThrow(/^https:\/\/b\.example\/ids\.csv\?v=1:/u);
    await local.remove();
    await expect(LocalCrawl.of(crawl, refuse)).rejects.toThrow(/ids\.csv\?v=1: it answered 404/u);
  });

  it.each([
    ['http://127.0.0.1/ids.csv', /loopback address/u],
    ['https://u:p@b.example/ids.csv', /credentials/u],
    ['https://b.example/ids', /unknown extension/u],
  ])('is checked with the crawl file: %s', (url, message) => {
    const text = TEXT.replace('https://b.example/ids.csv?v=1', url);
    expect(() => parseCrawlFile(text, 'crawl.yaml')).toThrow(message);
  });

  it('is not searched on this machine, and local files are not copied', async () => {
    await writeFile(join(folder.path, 'crawl.yaml'), TEXT);
    await expect(readCrawlFile(join(folder.path, 'crawl.yaml'))).resolves.toBeDefined();
    const plain = parseCrawlFile('url: https://a.example/{n}\nparams: { n: [1] }\n', 'c.yaml');
    const local = await LocalCrawl.of(plain, serving(''));
    expect(local.crawl).toBe(plain);
    await local.remove();
  });
});
