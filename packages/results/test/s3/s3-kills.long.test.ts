import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, zstdCompressSync } from 'node:zlib';
import { S3Store } from '@fetchfleet/results/s3';
import {
  eventually,
  freePort,
  installLeakGuard,
  type Running,
  type S3Server,
  startProcess,
  startS3,
  temporaryFolder,
  type TemporaryFolder,
} from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BATCH, exported, manifestOf, recordLine } from '../record-lines.ts';
import { useCredentials } from './s3-environment.ts';

type Env = Readonly<Record<string, string>>;

const RECORDS = 60;

let server: S3Server;
let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await temporaryFolder('kills');
  server = await startS3();
  useCredentials(server);
});

afterEach(async () => {
  await server.dispose();
  await folder.remove();
});

installLeakGuard();

const APPEND = new URL('./append-to-s3.ts', import.meta.url);
const CHECK_OUT = new URL('./check-out-batch.ts', import.meta.url);
const SERVE = new URL('./serve-s3.ts', import.meta.url);

async function run(script: URL, args: readonly string[], env: Env): Promise<Running> {
  const command = ['--conditions=@fetchfleet/source', fileURLToPath(script), ...args];
  return startProcess('node', command, { env });
}

/** How many records the process says are durable. */
function acknowledged({ stdout }: Running): number {
  return Number(stdout.trimEnd().split('\n').at(-1));
}

async function indexes(env: Env): Promise<number[]> {
  await using copy = await new S3Store({ url: 's3://fleet/results', env }).checkOut(BATCH);
  const { lines } = await exported({ dir: copy.dirs });
  return lines.map((line) => (JSON.parse(line) as { readonly index: number }).index);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('what a worker has acknowledged', () => {
  it.each(
    upTo(16).flatMap((after) => [
      { after, isDone: true },
      { after, isDone: false },
    ]),
  )(
    'is there when it is killed at its request $after, carried out: $isDone',
    async ({ after, isDone }) => {
      server.fail({ with: 'silence', after, isDone, times: 1 });
      const killed = await run(APPEND, ['0', String(RECORDS)], server.env);
      await eventually(() => server.requests.length > after);
      await killed.kill();
      const durable = acknowledged(killed);
      const found = durable > 0 ? await indexes(server.env) : [];
      expect(found).toEqual(expect.arrayContaining(upTo(durable)));
      const next = await run(APPEND, [String(durable), String(RECORDS)], server.env);
      expect([(await next.exit).code, next.stderr]).toEqual([0, '']);
      expect(await indexes(server.env)).toEqual(upTo(RECORDS));
    },
  );

  it('is there although the server is killed again and again', async () => {
    const port = String(await freePort());
    const data = join(folder.path, 'data');
    await mkdir(data);
    const env = { ...server.env, AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` };
    const records = 1_000;
    const serve = async (): Promise<Running> => {
      const serving = await run(SERVE, [data, port], {});
      await serving.waitForLine(/listens/u);
      return serving;
    };
    let serving = await serve();
    const worker = await run(APPEND, ['0', String(records)], env);
    for (let kill = 1; kill <= 5; kill += 1) {
      await eventually(() => acknowledged(worker) >= (kill * records) / 10);
      await serving.kill();
      const durable = acknowledged(worker);
      serving = await serve();
      expect(await indexes(env)).toEqual(expect.arrayContaining(upTo(durable)));
    }
    expect([(await worker.exit).code, worker.stderr]).toEqual([0, '']);
    expect(await indexes(env)).toEqual(upTo(records));
    await serving.kill();
  });
});

describe('a copy of a batch', () => {
  it('fails with the reason where there is no room, and leaves nothing', async () => {
    server.put(`results/${BATCH}/batch.json`, JSON.stringify(manifestOf(1_000)));
    const text = upTo(1_000).map((index) => `${recordLine({ index })}\n`);
    server.put(
      `results/${BATCH}/part-w-1-1.ndjson.zst`,
      zstdCompressSync(text.join(''), {
        params: { [constants.ZSTD_c_checksumFlag]: 1 },
      }),
    );
    const command = 'ulimit -f 32; exec "$0" --conditions=@fetchfleet/source "$1"';
    const child = await startProcess(
      'sh',
      ['-c', command, process.execPath, fileURLToPath(CHECK_OUT)],
      {
        env: { ...server.env, TMPDIR: folder.path },
      },
    );
    await child.exit;
    expect(child.stdout).toMatch(
      /^ResultsUnreadableError: the records have to be copied to be read, and \S+ cannot be written: EFBIG.*; TMPDIR names another folder for the copy\n0 files are left\n$/u,
    );
  });

  it('is gone when its process exits without removing it', async () => {
    server.put(`results/${BATCH}/batch.json`, JSON.stringify(manifestOf(1)));
    const child = await run(CHECK_OUT, [], server.env);
    expect((await child.exit).code).toBe(0);
    expect(child.stdout).toMatch(/fetchfleet-copy-/u);
    expect(existsSync(child.stdout.trim())).toBe(false);
  });
});
