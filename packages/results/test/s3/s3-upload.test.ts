import { type S3Upload, uploadTo } from '@fetchfleet/results/s3';
import { eventually, installLeakGuard, type S3Server, startS3 } from '@fetchfleet/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { useCredentials } from './s3-environment.ts';

const MEBIBYTE = 1024 * 1024;
const KEY = 'exports/x.ndjson';

let server: S3Server;

beforeAll(async () => {
  server = await startS3();
  useCredentials(server, 1);
});

beforeEach(() => {
  server.put(KEY, 'before');
});

afterAll(async () => server.dispose());

installLeakGuard();

const begin = (key = KEY): S3Upload =>
  uploadTo(`s3://fleet/${key}`, server.env, { partBytes: 5 * MEBIBYTE });
const content = (): string | undefined => server.object(KEY)?.body.toString();

/** Writes from one buffer, as exports do. */
async function fill({ out }: S3Upload, mebibytes: number): Promise<void> {
  const chunk = Buffer.alloc(MEBIBYTE);
  for (let at = 0; at < mebibytes; at += 1) {
    chunk.fill(at);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    out.once('error', reject);
    out.write(chunk, (error) => (error ? reject(error) : resolve()));
    await promise;
    out.off('error', reject);
  }
}

describe('an object that is written', () => {
  it.each([
    ['x.ndjson', 'application/x-ndjson'],
    ['x.csv', 'text/csv; charset=utf-8'],
    ['x.csv.gz', 'application/gzip'],
    ['x.ndjson.zst', 'application/zstd'],
    ['x.parquet', 'application/vnd.apache.parquet'],
    ['x', 'application/octet-stream'],
  ])('has the type of its name: %s', async (key, type) => {
    const upload = begin(key);
    upload.out.write('{}\n');
    await upload.finish();
    expect(server.object(key)).toMatchObject({
      body: Buffer.from('{}\n'),
      headers: { 'content-type': type, 'x-amz-checksum-crc32': expect.any(String) },
    });
    expect(server.object(key)?.headers).not.toHaveProperty('content-encoding');
  });

  it('may be empty', async () => {
    await begin().finish();
    expect(content()).toBe('');
  });

  it('comes in parts, and replaces what was there when it is whole', async () => {
    const upload = begin();
    await fill(upload, 12);
    await eventually(() => server.openUploads === 1);
    expect(content()).toBe('before');
    await upload.finish();
    const { body = Buffer.alloc(0) } = server.object(KEY) ?? {};
    expect(body.length).toBe(12 * MEBIBYTE);
    for (let at = 0; at < 12; at += 1) {
      expect([body[at * MEBIBYTE], body[(at + 1) * MEBIBYTE - 1]]).toEqual([at, at]);
    }
    expect(server.openUploads).toBe(0);
  });

  it('leaves nothing where it is given up', async () => {
    const early = begin();
    early.out.write('x');
    expect(await early.abort()).toBeUndefined();
    const late = begin();
    await fill(late, 7);
    await eventually(() => server.openUploads === 1);
    expect(await late.abort()).toBeUndefined();
    expect(server.openUploads).toBe(0);
    expect(content()).toBe('before');
  });

  it.each([
    ['the first request', /^uploads/u],
    ['a part', /partNumber=1/u],
    ['the last request', /^uploadId=upload-\d+(?:&x-id=.*)?$/u],
  ])('leaves nothing where %s fails, and stops at once', async (_, query) => {
    const end = server.fail({ with: { status: 403, code: 'AccessDenied' }, query, times: 1 });
    const upload = begin();
    const writing = fill(upload, 12).then(async () => upload.finish());
    await expect(writing).rejects.toMatchObject({
      code: 'S3_UPLOAD_FAILED',
      message: `s3://fleet/${KEY} cannot be written: the credentials lack the right to do this (AccessDenied)`,
    });
    expect(await upload.abort()).toMatchObject({ code: 'S3_UPLOAD_FAILED' });
    expect(server.openUploads).toBe(0);
    expect(content()).toBe('before');
    end();
  });
});
