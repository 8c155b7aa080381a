import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import type { CrawlInput } from '../../src/crawl/crawl-input.ts';
import { defineCrawl } from '../../src/crawl/define-crawl.ts';
import type { FetchRecord } from '../../src/fleet/documents.ts';

describe('defineCrawl', () => {
  it('takes what crawl files take', () => {
    const crawl = defineCrawl({
      name: 'countries',
      url: 'https://api.example/country/{country}/{year}',
      params: { country: ['france', 'italy'], year: { from: 2020, to: 2024 } },
      politeness: { rate: '20/s', concurrency: 4 },
      headers: { authorization: 'Bearer ${env:API_TOKEN}' },
    });
    expect(crawl.name).toBe('countries');
    const params: FetchRecord<'country' | 'year'>['params'] = { country: 'italy', year: '2020' };
    const typed: typeof crawl.params = 'country';
    expect(params[typed]).toBe('italy');
  });

  it('has a name if none is given', () => {
    expect(defineCrawl({ url: 'https://api.example/' }).name).toBe('crawl');
  });

  it.each([
    [{ url: 'https://api.example/{n}' }, /n/],
    [{ url: 'https://api.example/', politeness: { rate: 'quick' } }, /politeness\.rate/],
    [{ url: 'https://api.example/', headers: { 'x a': 'b' } }, /headers/],
    [{}, /url/],
  ] satisfies [CrawlInput, RegExp][])('refuses %j', (input, message) => {
    expect(() => defineCrawl(input)).toThrow(message);
  });

  it('names every mistake by its key', () => {
    const input = {
      url: 'ftp://a.example/',
      retry: { attempts: 0 },
      limits: { timeout: 'x' },
    };
    expect(() => defineCrawl(input)).toThrow(/^crawl url: .*\ncrawl retry\.attempts: /);
    expect(() => defineCrawl(input)).toThrow(
      expect.objectContaining({
        code: 'INPUT_INVALID',
        problems: [
          expect.objectContaining({ key: 'url' }),
          expect.objectContaining({ key: 'retry.attempts' }),
          expect.objectContaining({ key: 'limits.timeout' }),
        ],
      }),
    );
  });

  it('has the types of the schema', () => {
    const script = fileURLToPath(new URL('../../scripts/crawl-input.mjs', import.meta.url));
    const { status } = spawnSync(process.execPath, [script, '--check'], { env: {} });
    expect(status).toBe(0);
  });
});
