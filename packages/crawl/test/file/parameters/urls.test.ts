import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type TemporaryFolder, temporaryFolder } from '@fetchfleet/testing';
import { measureCrawl } from '../../../src/expand/measure-crawl.ts';
import { parseCrawlFile } from '../judged.ts';
import type { Crawl } from '../../../src/model/plan.ts';

function parse(text: string): Crawl {
  return parseCrawlFile(text, '/base/crawl.yaml');
}

describe('urls', () => {
  it('are suggested where they stand under params', () => {
    const text = 'url: http://a.example/\nparams: { urls: [http://b.example] }';
    expect(() => parse(text)).toThrow(
      /no request uses .*; urls: stands at the beginning of a line/,
    );
  });

  it.each([
    ['[http://a.example/, "http://b.example/?x=%20"]'],
    ['{ file: urls.txt }'],
    ['{ file: urls.csv, column: address, delimiter: ";" }'],
    ['{ file: "https://a.example/urls.txt", comment: "#" }'],
  ])('are short for {+url} and a parameter url: %s', (urls) => {
    expect(parse(`urls: ${urls}`)).toEqual(parse(`url: "{+url}"\nparams: { url: ${urls} }`));
  });

  it.each([
    ['urls: [http://a.example]\nurl: http://b.example', /:2:1 url: urls: has whole URLs; remove/],
    ['urls: [http://a.example]\nparams: { url: [b] }', /params\.url: rows: or urls: gives the/],
    ['urls: [http://a.example]\nparams: { x: [b] }', /params\.x: no request uses/],
    ['urls: urls.txt', /:1:7 urls: "urls\.txt" is not a list of URLs; write \{ file: urls\.txt \}/],
    ['urls:', /urls: an empty value is not a list of URLs/],
    ['urls: []', /urls: the list is empty/],
    ['urls: [ftp://a.example]', /urls\[0\]: "ftp:\/\/a\.example" is neither http nor https/],
    ['urls: [http://a.example, http://10.0.0.1]', /urls\[1\]: 10\.0\.0\.1 is a private address/],
    ['urls: { column: x }', /urls need a list or a file/],
    ['urls: { file: a.csv }', /urls: a \.csv file needs a column/],
    ['urls: { from: 1, to: 2 }', /urls\.from: unknown key; allowed: file/],
    ['urls: ["http://a.example/${env:KEY}"]', /urls: secrets/],
  ])('are refused with a sentence: %s', (text, problem) => {
    expect(() => parse(text)).toThrow(problem);
  });
});

describe('whole URLs in a template that encodes them', () => {
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(async () => folder.remove());

  it.each(['{url}', '{url}?lang=no', '{url:400}'])('are reported once: %s', async (template) => {
    const urls = Array.from({ length: 50 }, (_, at) => `HTTPS://a.example/${at}`);
    await writeFile(join(folder.path, 'urls.txt'), urls.join('\n'));
    const text = `url: "${template}"\nparams: { url: { file: urls.txt } }`;
    const crawl = parseCrawlFile(text, join(folder.path, 'crawl.yaml'));
    await expect(measureCrawl(crawl)).rejects.toMatchObject({
      problems: [{ key: 'url', message: expect.stringMatching(/; did you mean \{\+url\}\?/) }],
    });
  });
});
