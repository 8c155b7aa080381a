import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { FileSink } from '@fetchfleet/results';
import { closeAfterEach, eventually, type S3Server, startS3 } from '@fetchfleet/testing';
import { afterAll, describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../api/schemas.ts';
import { recordLine, runningBatch } from '../fleet-data.ts';
import { Web } from '../web-fixture.ts';

closeAfterEach();

/** Copies that this process has made and not removed. */
async function copiesNow(): Promise<string[]> {
  const names = await readdir(tmpdir());
  return names.filter(
    (name) => name.startsWith('fetchfleet-copy-') && name.includes(`-${process.pid}-`),
  );
}

function lines(indexes: readonly number[], fill = ''): string {
  return indexes
    .map((index) =>
      index === 3
        ? recordLine({ batch: 'one', index, outcome: 'timeout', error: LATE })
        : recordLine(
            { batch: 'one', index },
            { bytes: Buffer.from(JSON.stringify({ index, fill })) },
          ),
    )
    .join('');
}

const LATE = { code: 'FETCH_TIMEOUT', message: 'late' } as const;

describe('records in S3', () => {
  const before = { ...process.env };
  let s3: S3Server;
  const PLACE = ['--results', 's3://fleet/crawls'];
  // The SDK looks for credentials in the environment of the process.
  const startThere = async (flags: readonly string[] = []): Promise<Web> => {
    s3 = await startS3();
    Object.assign(process.env, s3.env);
    s3.put('crawls/one/part-w-1-1.ndjson', lines([0, 1, 2]));
    s3.put('crawls/one/part-w-1-2.ndjson', lines([3, 4]));
    return Web.start([...PLACE, ...flags], undefined, s3.env);
  };
  const downloads = (): number =>
    s3.requests.filter(({ method, key }) => method === 'GET' && key.includes('/part-')).length;
  afterAll(() => {
    for (const name of Object.keys(process.env).filter((one) => !(one in before))) {
      Reflect.deleteProperty(process.env, name);
    }
    Object.assign(process.env, before);
  });

  it('are copied once, shown, and removed when the server ends', async () => {
    const web = await startThere();
    await runningBatch(web, 'one', { total: 5, ok: 4, failed: 1 });
    await runningBatch(web, 'two', { total: 1, ok: 0, failed: 0 });
    const shown = async (batch: string) => {
      const { document } = await web.json(`/api/batches/${batch}`);
      const { records, latency } = SCHEMAS.BatchDetail.parse(document);
      return [records?.kind, latency?.length ?? null];
    };
    expect(await shown('two')).toEqual(['elsewhere', null]);
    expect(downloads()).toBe(0);
    await eventually(async () => {
      const { document } = await web.json('/api/batches/one/records');
      const { records, source } = SCHEMAS.RecordsDocument.parse(document);
      expect(source).toMatchObject({ kind: 'copied', location: 's3://fleet/crawls' });
      expect(records.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
    });
    expect((await web.ask('/api/batches/one/records/4/body')).text).toBe('{"index":4,"fill":""}');
    const { document } = await web.json('/api/batches/one/failures');
    expect(SCHEMAS.FailuresDocument.parse(document).groups).toMatchObject([
      { reason: 'FETCH_TIMEOUT' },
    ]);
    expect([downloads(), await copiesNow()]).toMatchObject([2, { length: 1 }]);
    expect(await shown('one')).toEqual(['copied', 1]);
    await web.stop();
    expect(await copiesNow()).toEqual([]);
  });

  it('that come later are in the copy that somebody asks for', async () => {
    const web = await startThere();
    const indexes = async (query = '') => {
      const { document } = await web.json(`/api/batches/one/records?${query}`);
      return SCHEMAS.RecordsDocument.parse(document).records.map(({ index }) => index);
    };
    await eventually(async () => expect(await indexes()).toHaveLength(5));
    s3.put('crawls/one/part-w-1-3.ndjson', lines([5]));
    expect(await indexes()).toHaveLength(5);
    await indexes('copy=new');
    await eventually(async () => expect(await indexes()).toHaveLength(6));
    expect(await copiesNow()).toHaveLength(1);
  });

  it('are said to be copied for as long as that takes, and then shown', async () => {
    const web = await startThere();
    await runningBatch(web, 'one', { total: 5, ok: 4, failed: 1 });
    const end = s3.fail({ method: 'GET', key: /part-w-1-2/u, with: 'silence' });
    const { document } = await web.json('/api/batches/one/records');
    const { source } = SCHEMAS.RecordsDocument.parse(document);
    expect(source).toMatchObject({ kind: 'copying', doneBytes: expect.any(Number) });
    for (const path of ['failures', 'records/0', 'records/0/body']) {
      const { status, headers, document: found } = await web.json(`/api/batches/one/${path}`);
      expect([path, status, found.code, headers['retry-after']]).toEqual([
        path,
        503,
        'RECORDS_COPYING',
        '1',
      ]);
      expect(found.error).toMatch(
        /^the records of one are being copied(?:: [\d.]+ k?B of [\d.]+ k?B)?$/u,
      );
    }
    end();
    await web.stop();
    expect(await copiesNow()).toEqual([]);
  });

  it('are refused where a copy would be too large, with the command that has them', async () => {
    const web = await startThere(['--max-copy', '1MiB']);
    s3.put('crawls/one/part-w-1-9.ndjson', lines([9], 'x'.repeat(2 ** 20)));
    // Whoever asks waits for half a second, and is told until then that it is being copied.
    await eventually(async () => {
      const { status, document } = await web.json('/api/batches/one/records');
      expect([status, document.code]).toEqual([413, 'COPY_TOO_LARGE']);
      expect(document.error).toContain('fetchfleet export');
    });
    expect(await copiesNow()).toEqual([]);
  });

  it('are shown of four batches at a time', async () => {
    const web = await startThere();
    const codes = [];
    for (const id of ['b-1', 'b-2', 'b-3', 'b-4', 'b-5']) {
      s3.put(`crawls/${id}/part-w-1-1.ndjson`, lines([0]).replaceAll('"one"', `"${id}"`));
      const { status, document } = await web.json(`/api/batches/${id}/records`);
      codes.push([status, document.code]);
    }
    expect(codes.slice(0, 4).map(([status]) => status)).toEqual([200, 200, 200, 200]);
    expect(codes[4]).toEqual([503, 'COPIES_BUSY']);
  });
});

const manifest = async () => ({
  batch: 'one',
  name: 'test',
  total: 5,
  params: ['n'],
  url: 'http://origin.example/{n}',
  createdAt: '2026-11-28T06:00:00.000Z',
});

describe('records in compressed parts', () => {
  it('are shown with those of plain parts', async () => {
    const web = await Web.start();
    for (const [worker, compression, index] of [
      ['w-1', 'zstd', 0],
      ['w-2', 'none', 1],
    ] as const) {
      const sink = new FileSink({ dir: web.results, worker, compression, manifest });
      await sink.start();
      await sink.append('one', lines([index]).trimEnd().split('\n'));
      await sink.stop();
    }
    await eventually(async () => {
      const { document } = await web.json('/api/batches/one/records');
      const { records, source } = SCHEMAS.RecordsDocument.parse(document);
      expect([source.kind, records.map(({ index }) => index)]).toEqual(['copied', [0, 1]]);
    });
    expect((await web.ask('/api/batches/one/records/0/body')).text).toBe('{"index":0,"fill":""}');
  });
});
