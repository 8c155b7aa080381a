import { constants, zstdCompressSync } from 'node:zlib';
import { S3Store, uploadTo } from '@fetchfleet/results/s3';
import { installLeakGuard, type S3rverServer, startS3rver } from '@fetchfleet/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BATCH, exported, manifestOf, recordLine } from '../record-lines.ts';
import { useCredentials } from './s3-environment.ts';

const MEBIBYTE = 1024 * 1024;

let server: S3rverServer;
let store: S3Store;

beforeAll(async () => {
  server = await startS3rver();
  useCredentials(server);
  store = new S3Store({ url: 's3://fleet/a b/ü', env: server.env });
});

afterAll(async () => server.dispose());

installLeakGuard();

async function put(key: string, chunks: readonly (Buffer | string)[]): Promise<void> {
  const upload = uploadTo(`s3://fleet/${key}`, server.env, { partBytes: 5 * MEBIBYTE });
  for (const chunk of chunks) {
    upload.out.write(chunk);
  }
  await upload.finish();
}

describe('a server that is not ours', () => {
  it('gives back what was put there, in one part or many', async () => {
    const lines = Array.from({ length: 12 }, (_, index) =>
      recordLine({ index, body: JSON.stringify('x'.repeat(MEBIBYTE)) }),
    );
    const folder = `a b/ü/${BATCH}`;
    await put(`${folder}/batch.json`, [JSON.stringify(manifestOf(14))]);
    await put(
      `${folder}/part-w-1-1.ndjson`,
      lines.map((line) => `${line}\n`),
    );
    await put(`${folder}/part-w-1-2.ndjson.zst`, [
      // With a checksum, as every writer of ours and the program zstd make frames.
      zstdCompressSync(`${recordLine({ index: 12 })}\n${recordLine({ index: 13 })}\n`, {
        params: { [constants.ZSTD_c_checksumFlag]: 1 },
      }),
    ]);
    expect(await store.batches()).toEqual([BATCH]);
    expect((await store.measure(BATCH))?.bytes).toBeGreaterThan(12 * MEBIBYTE);
    await using copy = await store.checkOut(BATCH);
    const { lines: found, missing } = await exported({ dir: copy.dirs });
    expect(found).toEqual([...lines, recordLine({ index: 12 }), recordLine({ index: 13 })]);
    expect(missing).toBe(0);
    expect(await store.remove(BATCH)).toBeUndefined();
    expect(await store.batches()).toEqual([]);
  });

  it('is refused for records where it overwrites objects', async () => {
    await expect(store.probe()).rejects.toMatchObject({
      name: 'SinkError',
      message: expect.stringMatching(/does not know If-None-Match/u),
    });
  });

  it('says that it does not know the access key', async () => {
    process.env['AWS_ACCESS_KEY_ID'] = 'wrong';
    await expect(new S3Store({ url: 's3://fleet', env: server.env }).batches()).rejects.toThrow(
      /the server does not know the access key \(InvalidAccessKeyId\)/u,
    );
  });
});
