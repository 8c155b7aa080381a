import { mkdir, writeFile } from 'node:fs/promises';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { installLeakGuard, type S3Server, startS3 } from '@fetchfleet/testing';
import { Project } from '../../cli-fixture.ts';

const BATCH = 'test-20261123-0017-k3f9';
const RECORDS = 100;

let project: Project;
let server: S3Server;
let text: string;

beforeAll(async () => {
  server = await startS3();
  // Where the SDK looks for them.
  Object.assign(process.env, server.env, { AWS_MAX_ATTEMPTS: '1' });
});

beforeEach(async () => {
  project = await Project.create();
  const lines = Array.from(
    { length: RECORDS },
    (_, index) =>
      `{"batch":"${BATCH}","index":${index},"params":{"n":"${index}"},"url":"http://127.0.0.1:9/","outcome":"ok","status":200,"attempts":1,"startedAt":"2026-11-23T00:17:04.120Z","durationMs":1.5,"bytes":2,"worker":"w-1","body":{"n":1.50}}\n`,
  );
  text = lines.join('');
  await mkdir(project.path('results', BATCH), { recursive: true });
  const manifest = { batch: BATCH, name: 'test', total: RECORDS, params: ['n'], url: '' };
  await writeFile(project.path('results', BATCH, 'batch.json'), JSON.stringify(manifest));
  await writeFile(project.path('results', BATCH, 'part-w-1-1.ndjson'), text);
});

afterEach(async () => project.remove());

afterAll(async () => server.dispose());

installLeakGuard();

describe('export -o s3://BUCKET/KEY', () => {
  it('writes an object, which --json names', async () => {
    server.put('out/x.ndjson', 'before');
    const url = 's3://fleet/out/x.ndjson';
    const ended = await project.call(['export', BATCH, '-o', url, '--json'], server.env);
    expect(ended).toMatchObject({ code: 0 });
    expect(JSON.parse(ended.stdout)).toMatchObject({ file: url, written: RECORDS });
    expect(ended.stderr).toContain(`Wrote 100 records to ${url}`);
    expect(server.object('out/x.ndjson')?.body.toString()).toBe(text);
  });

  it('compresses it, or writes Parquet, as its name and --format say', async () => {
    await project.call(['export', BATCH, '-o', 's3://fleet/x.ndjson.zst'], server.env);
    const compressed = server.object('x.ndjson.zst');
    expect(zstdDecompressSync(compressed?.body ?? '').toString()).toBe(text);
    const parquet = ['export', BATCH, '--format', 'parquet', '-o', 's3://fleet/x.parquet'];
    expect(await project.call(parquet, server.env)).toMatchObject({ code: 0 });
    expect(server.object('x.parquet')?.body.subarray(0, 4).toString()).toBe('PAR1');
  });

  it('exits with 3 where the object cannot be written, and leaves the old one', async () => {
    server.put('x.csv', 'before');
    const end = server.fail({ with: { status: 403, code: 'AccessDenied' }, method: 'PUT' });
    const options = ['--format', 'csv', '-o', 's3://fleet/x.csv'];
    const ended = await project.call(['export', BATCH, ...options], server.env);
    expect(ended).toEqual({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(
        /^error: s3:\/\/fleet\/x\.csv cannot be written: the credentials lack the right/u,
      ),
    });
    expect(server.object('x.csv')?.body.toString()).toBe('before');
    end();
    const elsewhere = await project.call(['export', BATCH, '-o', 's3://other/x'], server.env);
    expect([elsewhere.code, elsewhere.stderr]).toEqual([
      3,
      expect.stringContaining('s3://other/x cannot be written: there is no such bucket'),
    ]);
  });

  it.each(['s3://fleet', 's3:/fleet/x', 's3://me:s3cr3t@fleet/x', 's3://fleet/x?a=s3cr3t'])(
    'exits with 2 if it names no object, and does not show it: %s',
    async (output) => {
      const { code, stderr } = await project.call(['export', BATCH, '-o', output], server.env);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/^error: .*S3/u)]);
      expect(stderr).not.toContain('s3cr3t');
    },
  );
});
