import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { S3Store } from '@fetchfleet/results/s3';
import { installLeakGuard, type S3Server, startS3 } from '@fetchfleet/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { BATCH, exported, manifestOf, recordLine } from '../record-lines.ts';
import { useCredentials } from './s3-environment.ts';

const line = (index: number): string => recordLine({ index, body: `"${'x'.repeat(500)}"` });
const FOLDER = `${BATCH}/`;
/** As all writers have it. */
const CHECKED = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

let server: S3Server;
let store: S3Store;
beforeAll(async () => {
  server = await startS3({ pageSize: 3 });
  useCredentials(server);
  store = new S3Store({ url: 's3://fleet', env: server.env });
});

beforeEach(() => {
  for (const key of server.keys()) {
    server.delete(key);
  }
  server.put(`${FOLDER}batch.json`, JSON.stringify(manifestOf(20)));
});

afterAll(async () => {
  await server.dispose();
});

installLeakGuard();

/** Puts lines into parts of two each. */
function put(count: number): string[] {
  const lines = Array.from({ length: count }, (_, index) => line(index));
  for (let at = 0; at < count; at += 2) {
    const text = `${lines.slice(at, at + 2).join('\n')}\n`;
    server.put(`${FOLDER}part-w-1-${at}.ndjson.zst`, zstdCompressSync(text, CHECKED));
  }
  return lines;
}

async function read(): Promise<{ lines: readonly string[]; skippedLines: number }> {
  await using copy = await store.checkOut(BATCH);
  const { lines, skippedLines } = await exported({ dir: copy.dirs });
  return { lines, skippedLines };
}

describe('a batch that is copied out of S3', () => {
  it('is complete, whatever happens to its parts on the way', async () => {
    const lines = put(20);
    server.fail({ with: 'half', method: 'GET', key: /part-w-1-0/u, times: 1 });
    server.fail({ with: 'flip', method: 'GET', key: /part-w-1-2\./u, times: 1 });
    server.fail({ with: 'cut', method: 'GET', key: /part-w-1-4/u, times: 1 });
    server.fail({ with: { status: 503, code: 'SlowDown' }, key: /part-w-1-6/u, times: 1 });
    server.fail({ with: 'cut', query: /continuation/u, times: 1 });
    expect(await read()).toEqual({ lines, skippedLines: 0 });
  });

  it('has parts that are not compressed as well', async () => {
    put(2);
    server.put(`${FOLDER}part-w-1-0.ndjson`, `${line(2)}\n`);
    expect((await read()).lines).toEqual([line(0), line(1), line(2)]);
  });

  it('has every frame of the parts of a folder that somebody copied there', async () => {
    const lines = Array.from({ length: 4 }, (_, index) => line(index));
    const frames = lines.map((text) => zstdCompressSync(`${text}\n`, CHECKED));
    const part = `${FOLDER}part-w-1-1.ndjson.zst`;
    server.put(part, Buffer.concat(frames));
    expect(await read()).toEqual({ lines, skippedLines: 0 });
    server.put(part, Buffer.concat(frames.with(1, Buffer.from('no zstd at all'))));
    expect(await read()).toEqual({ lines: lines.toSpliced(1, 1), skippedLines: 1 });
  });

  it('has a torn line in place of what is damaged, and all else', async () => {
    const lines = put(6);
    const key = `${FOLDER}part-w-1-2.ndjson.zst`;
    server.put(key, server.object(key)?.body.subarray(0, -9) ?? '');
    server.put(`${FOLDER}part-w-1-77.ndjson.zst`, 'no zstd at all');
    server.put(`${FOLDER}part-w-1-78.ndjson`, line(1).slice(0, 30));
    expect(await read()).toEqual({ lines: lines.toSpliced(2, 2), skippedLines: 3 });
  });

  it('is not taken for what lies deeper or has no name of a part', async () => {
    const lines = put(2);
    for (const name of [
      'deeper/part-w-1-1.ndjson.zst',
      '../part-w-9-1.ndjson',
      'part-a\nb-1.ndjson',
    ]) {
      server.put(`${FOLDER}${name}`, `${line(9)}\n`);
    }
    expect(await read()).toEqual({ lines, skippedLines: 0 });
    expect(await store.remove(BATCH)).toContain('no worker has written');
    expect(server.keys(FOLDER)).toHaveLength(3);
  });

  it('leaves nothing behind, also after an error, an abort or a kill', async () => {
    put(20);
    await read();
    await using mine = await store.checkOut(BATCH);
    const { pid } = spawnSync('true');
    const killed = (mine.dirs[0] ?? '').replace(`-${process.pid}-`, `-${pid}-`);
    mkdirSync(join(killed, BATCH), { recursive: true });
    const elsewhere = killed.replace(/-copy-[0-9a-f]{8}-/u, '-copy-00000000-');
    mkdirSync(elsewhere);
    const end = server.fail({ with: { status: 403, code: 'AccessDenied' }, key: /part-w-1-8/u });
    await expect(store.checkOut(BATCH)).rejects.toMatchObject({
      code: 'RESULTS_UNREADABLE',
      message: `cannot read s3://fleet/${FOLDER}part-w-1-8.ndjson.zst: the credentials lack the right to do this (AccessDenied)`,
    });
    end();
    const aborted = new AbortController();
    const copying = store.checkOut(BATCH, {
      signal: aborted.signal,
      onProgress: () => aborted.abort(new Error('stop')),
    });
    await expect(copying).rejects.toThrow('stop');
    const left = readdirSync(tmpdir()).filter((name) => name.includes(`-${process.pid}-`));
    expect(left).toEqual([basename(mine.dirs[0] ?? '')]);
    expect(existsSync(killed)).toBe(false);
    rmdirSync(elsewhere);
  });

  it('counts its bytes as they arrive, without those that came in vain', async () => {
    put(20);
    const bytes = server
      .keys(`${FOLDER}part-`)
      .reduce((sum, key) => sum + (server.object(key)?.body.length ?? 0), 0);
    server.fail({ with: 'half', method: 'GET', key: /part-w-1-0/u, times: 1 });
    const seen: number[] = [];
    await using copy = await store.checkOut(BATCH, {
      onProgress: (done, total) => seen.push(done, total),
    });
    expect(readFileSync(join(copy.dirs[0] ?? '', BATCH, 'batch.json'), 'utf8')).toContain(
      '"total": 20',
    );
    expect(seen.slice(-2)).toEqual([bytes, bytes]);
  });

  it('goes in many requests, its manifest last', async () => {
    const large = await startS3();
    large.put(`${FOLDER}batch.json`, JSON.stringify(manifestOf(20)));
    for (let number = 1; number <= 1_001; number += 1) {
      large.put(`${FOLDER}part-w-1-${number}.ndjson.zst`, '');
    }
    const place = new S3Store({ url: 's3://fleet', env: large.env });
    const end = large.fail({ with: { status: 403, code: 'AccessDenied' }, method: 'POST' });
    await expect(place.remove(BATCH)).rejects.toMatchObject({ code: 'RESULTS_UNREADABLE' });
    end();
    expect(await place.remove(BATCH)).toBeUndefined();
    expect(large.keys()).toEqual([]);
    const deletes = large.requests.filter(({ method }) => method === 'POST');
    expect(deletes).toHaveLength(4);
    await large.dispose();
  });
});

it('lists batches with a manifest, and nothing else', async () => {
  for (const key of ['c-20261123-0017-aaaa/batch.json', 'c-20261123-0017-bbbb/part-w-1-1.ndjson']) {
    server.put(key, JSON.stringify({ ...manifestOf(1), batch: key.slice(0, 20) }));
  }
  server.put('notes/batch.json', '{}');
  expect(await store.batches()).toEqual(['c-20261123-0017-aaaa', BATCH]);
});
