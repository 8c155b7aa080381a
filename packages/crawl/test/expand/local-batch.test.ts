import { readdir, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { expandCrawl } from '../../src/expand/expand-crawl.ts';
import { LocalCrawl } from '../../src/expand/local-crawl.ts';
import { parseCrawlFile } from '../../src/file/crawl-file.ts';
import { InputError } from '../../src/model/input-error.ts';

const LIST = async () => {
  throw new Error('no list is at a URL');
};

/** A crawl with the selected values of a batch on this machine. */
async function localOf(
  values: readonly string[],
  keys = '',
  rest = 'url: http://a.example/{item}',
) {
  const item = `{ batch: list-1, select: "$.id"${keys} }`;
  const crawl = parseCrawlFile(`${rest}\nparams: { item: ${item} }`, 'crawl.yaml');
  const openBatch = () => values.map((value) => `{"value":${value}}\n`);
  return LocalCrawl.of(crawl, LIST, { openBatch });
}

async function valuesOf(local: LocalCrawl): Promise<string[]> {
  const found: string[] = [];
  for await (const chunk of expandCrawl(local.crawl)) {
    found.push(...chunk.map(({ values }) => values.join()));
  }
  return found;
}

async function* failing(): AsyncGenerator<string> {
  yield '{"value":1}\n';
  throw new InputError([{ file: 'list-1', message: 'it has none' }]);
}

function refusing({ batch }: { readonly batch: string }): Iterable<string> {
  throw new InputError([{ file: batch, message: 'it has none' }]);
}

describe('the values of a batch on this machine', () => {
  it('are in a private file that is removed, with their digits and blanks', async () => {
    const local = await localOf(['"a"', '12345678901234567890', '1.10', 'true', '" b "']);
    expect(await local.measure()).toMatchObject({ total: 5 });
    expect(await valuesOf(local)).toEqual(['a', '12345678901234567890', '1.10', 'true', ' b ']);
    const [source] = local.crawl.sources;
    const path = source?.kind === 'file' ? source.path : '';
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(local.original.sources).toMatchObject([{ kind: 'batch', batch: 'list-1' }]);
    await local.remove();
    await expect(readFile(path)).rejects.toThrow('ENOENT');
  });

  it('may be unique, and the fingerprint covers them', async () => {
    const [once, again, other] = await Promise.all([
      localOf(['1', '2', '1', '"1"', '2'], ', unique: true'),
      localOf(['1', '2', '"1"'], ', unique: true'),
      localOf(['2', '1', '"1"'], ', unique: true'),
    ]);
    expect(await valuesOf(once)).toEqual(['1', '2', '1']);
    expect(await once.fingerprint()).toBe(await again.fingerprint());
    expect(await once.fingerprint()).not.toBe(await other.fingerprint());
    await Promise.all([once, again, other].map(async (one) => one.remove()));
  });

  it('are refused, kept or left out where they are empty or null', async () => {
    const values = ['"a"', 'null', '""'];
    const refused = await localOf(values);
    await expect(refused.measure()).rejects.toMatchObject({
      problems: [2, 3].map((line) => ({
        file: '$.id of list-1',
        line,
        message: expect.stringMatching(/^the value is empty; blank: skip/u),
      })),
    });
    const [skipped, kept] = await Promise.all([
      localOf(values, ', blank: skip'),
      localOf(values, ', blank: keep'),
    ]);
    expect(await valuesOf(skipped)).toEqual(['a']);
    expect(await valuesOf(kept)).toEqual(['a', '', '']);
    await Promise.all([refused, skipped, kept].map(async (one) => one.remove()));
  });

  it('may be objects for {{item|json}} alone', async () => {
    const values = ['{"a":[1.0]}', '[]'];
    const body = 'url: http://a.example/\nbody: { json: { it: "{{item|json}}" } }';
    const json = await localOf(values, '', body);
    expect(await json.measure()).toMatchObject({ total: 2 });
    expect(await valuesOf(json)).toEqual(values);
    const text = await localOf(values);
    await expect(text.measure()).rejects.toThrow(
      /\$\.id of list-1:1: "value" is neither a text nor/u,
    );
    await Promise.all([json, text].map(async (one) => one.remove()));
  });

  it('say of all that cannot be read why', async () => {
    const crawl = parseCrawlFile(
      'url: http://a.example/{x}/{y}\nparams:\n' +
        '  x: { batch: list-1, select: $.a, unique: true }\n' +
        '  y: { batch: list-2, select: $.b, unique: true }\n',
      'crawl.yaml',
    );
    const reading = LocalCrawl.of(crawl, LIST, { openBatch: refusing });
    await expect(reading).rejects.toMatchObject({
      problems: [{ file: 'list-1' }, { file: 'list-2' }],
    });
  });

  it('leave no folder if they cannot be read', async () => {
    const crawl = parseCrawlFile(
      'url: http://a.example/{x}\nparams: { x: { batch: list-1, select: $ } }',
      'crawl.yaml',
    );
    const reading = LocalCrawl.of(crawl, LIST, { openBatch: failing });
    await expect(reading).rejects.toThrow('list-1: it has none');
    const own = new RegExp(`^fetchfleet-lists-.*-${process.pid}-`, 'u');
    expect((await readdir(tmpdir())).filter((name) => own.test(name))).toEqual([]);
  });
});
