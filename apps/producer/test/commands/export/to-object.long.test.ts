import { mkdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, installLeakGuard, type S3Server, startS3 } from '@fetchfleet/testing';
import { Project } from '../../cli-fixture.ts';

const BATCH = 'test-20261123-0017-k3f9';
const RECORDS = 400_000;
const URL = 's3://fleet/x.ndjson';

let project: Project;
let server: S3Server;

beforeEach(async () => {
  project = await Project.create();
  server = await startS3();
  server.put('x.ndjson', 'before');
  const body = `"${'x'.repeat(200)}"`;
  const lines = Array.from(
    { length: RECORDS },
    (_, index) =>
      `{"batch":"${BATCH}","index":${index},"params":{},"url":"http://127.0.0.1:9/","outcome":"ok","status":200,"attempts":1,"startedAt":"2026-11-23T00:17:04.120Z","durationMs":1.5,"bytes":2,"worker":"w-1","body":${body}}\n`,
  );
  await mkdir(project.path('results', BATCH), { recursive: true });
  const manifest = { batch: BATCH, name: 'test', total: RECORDS, params: [], url: '' };
  await writeFile(project.path('results', BATCH, 'batch.json'), JSON.stringify(manifest));
  await writeFile(project.path('results', BATCH, 'part-w-1-1.ndjson'), lines.join(''));
});

afterEach(async () => {
  await project.remove();
  await server.dispose();
});

installLeakGuard();

describe('a large export to S3', () => {
  it('comes in parts', async () => {
    const { code, stderr } = await project.run(['export', BATCH, '-o', URL], server.env);
    expect([code, stderr]).toEqual([0, expect.stringContaining('Wrote 400,000 records')]);
    const parts = server.requests.filter(({ query }) => query.includes('partNumber'));
    expect(parts.length).toBeGreaterThan(3);
    const body = server.object('x.ndjson')?.body ?? Buffer.alloc(0);
    const indexes = [...body.toString().matchAll(/"index":(\d+)/gu)].map(([, index]) => index);
    expect(indexes.every((index, at) => Number(index) === at)).toBe(true);
    expect(indexes).toHaveLength(RECORDS);
    expect(server.openUploads).toBe(0);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('leaves nothing when %s ends it', async (signal) => {
    // All have this outcome, and to look takes long enough to be interrupted.
    const running = await project.start(['export', BATCH, '--outcome=ok', '-o', URL], {
      env: server.env,
    });
    await eventually(() => server.openUploads === 1);
    expect(await running.kill(signal)).toMatchObject({ code: 130 });
    expect(server.openUploads).toBe(0);
    expect(server.object('x.ndjson')?.body.toString()).toBe('before');
  });

  it('does not wait for a silent server when a signal ends it', async () => {
    server.fail({ with: 'silence', query: /partNumber/u });
    const running = await project.start(['export', BATCH, '-o', URL], { env: server.env });
    await eventually(() => server.requests.some(({ query }) => query.includes('partNumber')));
    expect(await running.kill('SIGINT')).toMatchObject({ code: 130 });
    expect(server.object('x.ndjson')?.body.toString()).toBe('before');
  });
});
