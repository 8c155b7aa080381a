import { appendFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contentHash } from '@fetchfleet/crawl';
import { closeAfterEach, startRedis } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../api/schemas.ts';
import { writeRecord } from '../fleet-data.ts';
import { Web } from '../web-fixture.ts';

closeAfterEach();

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC',
  'base64',
);

async function indexes(web: Web, query = ''): Promise<unknown[]> {
  const { document } = await web.json(`/api/batches/one/records?${query}`);
  const { records, matched, next } = SCHEMAS.RecordsDocument.parse(document);
  return [records.map(({ index }) => index), matched, next];
}

describe('records', () => {
  it('are paged in their order, as parts grow', async () => {
    const web = await Web.start();
    for (const index of [3, 0, 2]) {
      await writeRecord(web, { batch: 'one', index });
    }
    expect(await indexes(web, 'limit=2')).toEqual([[0, 2], 3, '3.0.2']);
    expect(await indexes(web, 'limit=2&from=3.0.2')).toEqual([[3], 3, null]);
    await writeRecord(web, { batch: 'one', index: 1 }, { worker: 'w-0' });
    await writeRecord(web, { batch: 'one', index: 9 });
    let found: unknown[] = [];
    while (found.length === 0 || !JSON.stringify(found).includes('9')) {
      found = await indexes(web);
    }
    expect(found).toEqual([[0, 1, 2, 3, 9], 5, null]);
  });

  it('are the best of each fetch, without torn lines', async () => {
    const web = await Web.start();
    const late = { startedAt: '2026-11-28T07:00:00.000Z' };
    await writeRecord(web, { batch: 'one', index: 0, outcome: 'timeout', ...late });
    await writeRecord(web, { batch: 'one', index: 0 }, { worker: 'w-2' });
    const part = join(web.results, 'one/part-w-1-1.ndjson');
    await appendFile(part, '{"batch":"one","index":1,"par');
    const { document } = await web.json('/api/batches/one/records');
    expect(document.records).toMatchObject([{ index: 0, outcome: 'ok' }]);
  });

  it('are found by outcome, status, origin and text', async () => {
    const web = await Web.start();
    const failed = { outcome: 'http-error' } as const;
    await writeRecord(web, { batch: 'one', index: 0, params: { country: 'Kenya' } });
    await writeRecord(web, { batch: 'one', index: 1, status: 404, ...failed });
    await writeRecord(web, { batch: 'one', index: 2, status: 503, ...failed });
    await writeRecord(web, { batch: 'one', index: 3, url: 'https://b.example/KENYA' });
    const found: [string, number[]][] = [
      ['outcome=http-error', [1, 2]],
      ['outcome=http-error,ok&status=500-599,200', [0, 2, 3]],
      ['origin=https://b.example', [3]],
      ['text=kenya', [0, 3]],
      ['index=3,0-1', [0, 1, 3]],
      ['index=1-2&outcome=http-error', [1, 2]],
      ['index=4-90', []],
      ['text=kenya&outcome=timeout', []],
    ];
    for (const [query, expected] of found) {
      expect([query, await indexes(web, query)]).toEqual([
        query,
        [expected, expected.length, null],
      ]);
    }
    expect(await indexes(web, 'outcome=http-error&limit=1')).toEqual([[1], 2, '2.0.1']);
    expect(await indexes(web, 'outcome=http-error&from=2.0.1')).toEqual([[2], 2, null]);
  });

  it('are paged backwards as well, each page with the number of its first record', async () => {
    const web = await Web.start();
    for (let index = 0; index < 7; index += 1) {
      const status = index % 2 === 0 ? 200 : 404;
      await writeRecord(web, { batch: 'one', index, status });
    }
    const page = async (query: string) => {
      const { document } = await web.json(`/api/batches/one/records?limit=2&${query}`);
      const found = SCHEMAS.RecordsDocument.parse(document);
      const { records, offset, matched, previous, next, counted } = found;
      return [records.map(({ index }) => index), offset, matched, previous, next, counted];
    };
    expect(await page('from=5')).toEqual([[5, 6], 5, 7, '5.0.5', null, null]);
    expect(await page('before=5.0.5')).toEqual([[3, 4], 3, 7, '3.0.3', '5.0.5', null]);
    expect(await page('before=3.0.3')).toEqual([[1, 2], 1, 7, '1.0.1', '3.0.3', null]);
    // The first page is always full.
    expect(await page('before=1.0.1')).toEqual([[0, 1], 0, 7, null, '2.0.2', null]);
    expect(await page('index=2-4,6')).toEqual([[2, 3], 0, 4, null, '4.0.2', null]);
    expect(await page('index=2-4,6&from=4.0.2')).toEqual([[4, 6], 2, 4, '4.0.2', null, null]);
    expect(await page('index=2-4,6&before=4.0.2')).toEqual([[2, 3], 0, 2, null, '4.0.2', '4.0.2']);
    expect(await page('status=200')).toEqual([[0, 2], 0, 4, null, '4.0.2', null]);
    expect(await page('status=200&from=4.0.2')).toEqual([[4, 6], 2, 4, '4.0.2', null, null]);
    // What follows was counted from there on.
    expect(await page('status=200&before=4.0.2')).toEqual([[0, 2], 0, 2, null, '4.0.2', '4.0.2']);
    const { document } = await web.json('/api/batches/one/records?limit=0&status=200&from=4.0.2');
    expect([document.records, document.matched]).toEqual([[], 4]);
  });

  it('have a place for each page of a fetch', async () => {
    const web = await Web.start();
    for (const page of [1, 2, 3]) {
      const end = page === 3 ? ({ end: 'no-next' } as const) : {};
      const bytes = Buffer.from(`{"page":${page}}`);
      await writeRecord(web, { batch: 'one', index: 5, page, ...end }, { body: { bytes } });
    }
    await writeRecord(web, { batch: 'one', index: 4, page: 1, end: 'no-next' });
    const { document } = await web.json('/api/batches/one/records?limit=3');
    expect(
      document.records.map(({ index, page }: { index: number; page: number }) => [index, page]),
    ).toEqual([
      [4, 1],
      [5, 1],
      [5, 2],
    ]);
    expect(document.next).toBe('5.3.3');
    const { document: third } = await web.json('/api/batches/one/records/5.3');
    expect(third.record).toMatchObject({ index: 5, page: 3, end: 'no-next' });
    expect(third.pages).toBe(3);
    expect((await web.ask('/api/batches/one/records/5.3/body')).text).toBe('{"page":3}');
    expect((await web.ask('/api/batches/one/records/5.4')).status).toBe(404);
  });

  it('are shown while Redis does not answer', async () => {
    const redis = await startRedis();
    const web = await Web.start([], redis.url);
    await writeRecord(web, { batch: 'one', index: 0 });
    redis.freeze();
    const { status, document } = await web.json('/api/batches/one/records/0');
    expect([status, document.curl]).toEqual([200, "curl 'http://origin.example/0'"]);
    redis.thaw();
  });

  it('begin anew where parts were replaced', async () => {
    const web = await Web.start();
    await writeRecord(web, { batch: 'one', index: 0 });
    await writeRecord(web, { batch: 'one', index: 1 });
    expect((await indexes(web))[0]).toEqual([0, 1]);
    const part = join(web.results, 'one/part-w-1-1.ndjson');
    await rm(part);
    await writeRecord(web, { batch: 'one', index: 7 });
    let found: unknown[] = [];
    while (JSON.stringify(found[0]) !== '[7]') {
      const { status, document } = await web.json('/api/batches/one/records');
      found = status === 200 ? [document.records.map(({ index }: { index: number }) => index)] : [];
    }
    await truncate(part, 0);
    while (JSON.stringify(found[0]) !== '[]') {
      const { status, document } = await web.json('/api/batches/one/records');
      found = status === 200 ? [document.records] : [];
    }
    expect(found).toEqual([[]]);
  });

  it('are only those of regular files in the results folder', async () => {
    const web = await Web.start();
    await writeFile(join(web.results, 'one'), 'no folder');
    const { status } = await web.ask('/api/batches/one/records');
    expect(status).toBeGreaterThanOrEqual(400);
  });
});

describe('unchanged records', () => {
  it('have the body of the batch that they refer to, as long as it is the same', async () => {
    const web = await Web.start();
    const known = { validators: { request: contentHash('r'), hash: contentHash('1') } };
    await writeRecord(
      web,
      { batch: 'old', index: 7, ...known },
      { body: { bytes: Buffer.from('{"n":7}') } },
    );
    const unchanged = { batch: 'old', index: 7 };
    await writeRecord(web, { batch: 'one', index: 0, ...known, unchanged });
    await writeRecord(web, {
      batch: 'one',
      index: 1,
      validators: { request: contentHash('r'), hash: contentHash('2') },
      unchanged,
    });
    await writeRecord(web, {
      batch: 'one',
      index: 2,
      ...known,
      unchanged: { batch: 'gone', index: 7 },
    });
    const { document } = await web.json('/api/batches/one/records/0');
    const { record, body } = SCHEMAS.RecordDetail.parse(document);
    expect([record['unchanged'], body]).toEqual([
      unchanged,
      { kind: 'text', bytes: 7, isServed: true, batch: 'old' },
    ]);
    expect((await web.ask('/api/batches/one/records/0/body')).text).toBe('{"n":7}');
    for (const index of [1, 2]) {
      const { document: other } = await web.json(`/api/batches/one/records/${index}`);
      expect([index, SCHEMAS.RecordDetail.parse(other).body]).toEqual([index, null]);
      expect((await web.ask(`/api/batches/one/records/${index}/body`)).status).toBe(404);
    }
  });
});

const OCTETS = 'application/octet-stream';

describe('bodies of records', () => {
  const HOSTILE: [string, string, string | Buffer, string][] = [
    ['a script', 'text/html', '<script>alert(1)</script>', 'text/plain; charset=utf-8'],
    [
      'a picture with a script',
      'image/svg+xml',
      '<svg onload="alert(1)"/>',
      'text/plain; charset=utf-8',
    ],
    ['a page of 10 MB', 'text/html', `<p>${'x'.repeat(10_000_000)}`, 'text/plain; charset=utf-8'],
    ['a program', 'text/javascript', 'alert(1)', 'text/plain; charset=utf-8'],
    ['XHTML', 'application/xhtml+xml', '<html><script/></html>', 'text/plain; charset=utf-8'],
    ['a page in JSON', 'application/json', '{"a":"<script>"}', 'text/plain; charset=utf-8'],
    ['a page in UTF-16', 'x/y', Buffer.from('\ufeff<script>', 'utf16le'), OCTETS],
    ['a document', 'application/pdf', Buffer.from('%PDF-1.7\x80\xff', 'latin1'), OCTETS],
    ['a picture that is a page', 'x/y', Buffer.from('GIF89a\xff<script>', 'latin1'), 'image/gif'],
    ['JSON of many levels', 'application/json', '['.repeat(400_000), 'text/plain; charset=utf-8'],
    ['a picture', 'text/html', PNG, 'image/png'],
    ['bytes', 'image/png', Buffer.from([0, 1, 2, 255]), OCTETS],
  ];

  it('are never more than text, pictures or downloads, in a sandbox', async () => {
    const web = await Web.start();
    for (const [index, [, contentType, content]] of HOSTILE.entries()) {
      const bytes = Buffer.from(content);
      const params = { n: '<img src=x onerror=alert(1)>' };
      await writeRecord(
        web,
        { batch: 'one', index, contentType, params },
        { body: { bytes, contentType } },
      );
    }
    for (const [index, [name, , content, type]] of HOSTILE.entries()) {
      const path = `/api/batches/one/records/${index}`;
      const { headers, text } = await web.ask(`${path}/body`);
      expect([name, headers]).toMatchObject([
        name,
        {
          'content-type': type,
          'content-security-policy': type.startsWith('image/')
            ? "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
            : "sandbox; default-src 'none'; frame-ancestors 'self'",
          'x-content-type-options': 'nosniff',
          'content-disposition': expect.stringMatching(
            type === OCTETS ? /^attachment; / : /^inline; /u,
          ),
        },
      ]);
      expect([name, typeof content !== 'string' || text === content]).toEqual([name, true]);
      const head = await web.ask(`${path}/body`, { method: 'HEAD' });
      expect([name, head.text, { ...head.headers, date: '' }]).toEqual([
        name,
        '',
        { ...headers, date: '' },
      ]);
      const { headers: own, document } = await web.json(path);
      expect(own).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'x-content-type-options': 'nosniff',
      });
      SCHEMAS.RecordDetail.parse(document);
      const download = await web.ask(`${path}/body?download`);
      expect(download.headers).toMatchObject({
        'content-disposition': `attachment; filename="one-${index}"`,
        'x-content-type-options': 'nosniff',
      });
    }
  });
});
