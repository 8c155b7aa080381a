import { inspect } from 'node:util';
import { zstdDecompressSync } from 'node:zlib';
import { type Manifest, type Sink, SinkError } from '@fetchfleet/results';
import { S3Store } from '@fetchfleet/results/s3';
import { installLeakGuard, type S3Fault, type S3Server, startS3 } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BATCH, manifestOf, recordLine } from '../record-lines.ts';
import { useCredentials } from './s3-environment.ts';

const line = (index: number): string => recordLine({ index });
const manifest = async (): Promise<Manifest> => manifestOf(9);
const PART = /part-/u;

let server: S3Server;
let sink: Sink;

beforeEach(async () => {
  server = await startS3();
  useCredentials(server);
});

afterEach(async () => {
  await sink.stop();
  await server.dispose();
});

installLeakGuard();

function store(idleTimeoutMs?: number): S3Store {
  return new S3Store({
    url: 's3://fleet/a/b',
    env: server.env,
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
  });
}

async function start(worker = 'w-1', idleTimeoutMs?: number): Promise<Sink> {
  sink = store(idleTimeoutMs).sink({ worker, manifest });
  await sink.start();
  return sink;
}

/** Lines by the name of their object. */
function parts(): Record<string, string[]> {
  const folder = `a/b/${BATCH}/`;
  const keys = server.keys(`${folder}part-`);
  return Object.fromEntries(
    keys.map((key) => [
      key.slice(folder.length),
      zstdDecompressSync(server.object(key)?.body ?? '')
        .toString()
        .split('\n')
        .slice(0, -1),
    ]),
  );
}

/** Appends once. @returns the error */
async function failing(append: Promise<void>): Promise<Error> {
  const error: unknown = await append.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SinkError);
  return error as Error;
}

describe('a flush into S3', () => {
  it('is one object with a checksum', async () => {
    await start();
    await Promise.all([sink.append(BATCH, [line(0), line(1)]), sink.append(BATCH, [line(2)])]);
    await sink.append(BATCH, [line(3)]);
    expect(parts()).toEqual({
      'part-w-1-1.ndjson.zst': [line(0), line(1), line(2)],
      'part-w-1-2.ndjson.zst': [line(3)],
    });
    const object = server.object(`a/b/${BATCH}/part-w-1-1.ndjson.zst`);
    expect(object?.headers).toMatchObject({ 'x-amz-checksum-crc32': expect.any(String) });
    expect(sink.gathering).toEqual({ ms: 1000, bytes: 8 * 1024 * 1024 });
  });

  it.each<S3Fault>([
    { with: { status: 500, code: 'InternalError' }, isDone: true },
    { with: { status: 500, code: 'InternalError' } },
    { with: { status: 503, code: 'SlowDown' } },
    { with: 'cut', isDone: true },
    { with: 'cut' },
  ])('is there once when it is sent again after %j', async (fault) => {
    await start();
    server.fail({ ...fault, method: 'PUT', key: PART, times: 1 });
    await sink.append(BATCH, [line(0)]);
    await sink.append(BATCH, [line(1)]);
    expect(parts()).toEqual({
      'part-w-1-1.ndjson.zst': [line(0)],
      'part-w-1-2.ndjson.zst': [line(1)],
    });
  });

  it('is there once, too, when its lines come again after a rejection', async () => {
    useCredentials(server, 1);
    await start();
    const reject = async (lines: readonly string[]): Promise<void> => {
      const ends = [
        server.fail({ with: 'cut', isDone: true, method: 'PUT', key: PART }),
        server.fail({ with: 'cut', method: 'GET', key: PART }),
      ];
      await failing(sink.append(BATCH, lines));
      ends.forEach((end) => end());
    };
    await reject([line(0)]);
    await sink.append(BATCH, [line(0)]);
    await reject([line(1)]);
    await sink.append(BATCH, [line(1), line(2)]);
    expect(parts()).toEqual({
      'part-w-1-1.ndjson.zst': [line(0)],
      'part-w-1-2.ndjson.zst': [line(1)],
      'part-w-1-3.ndjson.zst': [line(1), line(2)],
    });
  });

  it('leaves alone what has its name, however many objects that are', async () => {
    for (const number of [1, 2, 9, 11]) {
      server.put(`a/b/${BATCH}/part-w-1-${number}.ndjson.zst`, 'of a worker before');
    }
    await start();
    await sink.append(BATCH, [line(0)]);
    const key = `a/b/${BATCH}/part-w-1-`;
    expect(server.object(`${key}1.ndjson.zst`)?.body.toString()).toBe('of a worker before');
    const written = zstdDecompressSync(server.object(`${key}12.ndjson.zst`)?.body ?? '');
    expect(written.toString()).toBe(`${line(0)}\n`);
    const tried = server.requests.filter(
      ({ method, key: one }) => method === 'PUT' && PART.test(one),
    );
    expect(tried).toHaveLength(2);
  });

  it('does not count while the marker is gone, says another thing or cannot be read', async () => {
    await start();
    await sink.append(BATCH, [line(0)]);
    const marker = server.object('a/b/.fetchfleet-results')?.body ?? '';
    server.put('a/b/.fetchfleet-results', 'other\n');
    expect((await failing(sink.append(BATCH, [line(1)]))).message).toMatch(
      /another place is here/u,
    );
    server.delete('a/b/.fetchfleet-results');
    expect((await failing(sink.append(BATCH, [line(1)]))).message).toMatch(/it is gone/u);
    expect(server.object('a/b/.fetchfleet-results')).toBeUndefined();
    server.put('a/b/.fetchfleet-results', marker);
    const end = server.fail({ with: 'cut', key: /fetchfleet-results/u });
    await expect(sink.append(BATCH, [line(1)])).rejects.toMatchObject({ name: 'SinkError' });
    end();
    await sink.append(BATCH, [line(1)]);
    expect(Object.values(parts()).flat()).toEqual(expect.arrayContaining([line(0), line(1)]));
  });

  it('never loses a total that a manifest has', async () => {
    await start();
    await sink.append(BATCH, [line(0)]);
    const other = store().sink({ worker: 'w-2', manifest: async () => manifestOf(0) });
    await other.start();
    await other.append(BATCH, [line(1)]);
    await other.stop();
    expect(await store().manifest(BATCH)).toMatchObject({ total: 9 });
  });

  it('ends when the server is silent', async () => {
    await start('w-1', 50);
    server.fail({ with: 'silence', method: 'PUT', key: PART });
    const error = await failing(sink.append(BATCH, [line(0)]));
    expect(error).toMatchObject({
      name: 'SinkError',
      message: expect.stringMatching(/did not answer in time/u),
    });
  });

  it('is refused when it changes on its way', async () => {
    await start();
    server.fail({ with: 'flip', method: 'PUT', key: PART, times: 1 });
    expect((await failing(sink.append(BATCH, [line(0)]))).message).toContain('changed on its way');
    expect(parts()).toEqual({});
  });

  it.each([
    [403, 'AccessDenied', 'the credentials lack the right to do this (AccessDenied)'],
    [403, 'ExpiredToken', 'the credentials have expired (ExpiredToken)'],
    [403, 'RequestTimeTooSkewed', 'the clock of this machine is wrong (RequestTimeTooSkewed)'],
    [
      403,
      'SignatureDoesNotMatch',
      'the secret key is not the one of the access key (SignatureDoesNotMatch)',
    ],
    [404, 'NoSuchBucket', 'there is no such bucket (NoSuchBucket)'],
    [
      409,
      'ConditionalRequestConflict',
      'another request for this object is in progress (ConditionalRequestConflict)',
    ],
    [418, 'Teapot', 'the server answered 418 (Teapot)'],
    [503, 'SlowDown', 'the server asks for fewer requests (SlowDown)'],
  ])('ends with a sentence of ours after %i %s', async (status, code, reason) => {
    useCredentials(server, 1);
    await start();
    server.fail({ with: { status, code }, method: 'PUT', key: PART, times: 1 });
    const error = await failing(sink.append(BATCH, [line(0)]));
    expect(error.message).toBe(
      `cannot write s3://fleet/a/b/${BATCH}/part-w-1-1.ndjson.zst: ${reason}`,
    );
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/secret-key|AKIATEST/u);
    await sink.append(BATCH, [line(0)]);
    expect(parts()).toEqual({ 'part-w-1-1.ndjson.zst': [line(0)] });
  });
});

describe('a place in S3', () => {
  it.each([
    ['ignores If-None-Match', {}, /does not know If-None-Match/u],
    [
      'knows no If-None-Match',
      { status: 501, code: 'NotImplemented' },
      /does not know If-None-Match/u,
    ],
  ])('is refused where the server %s', async (_, fault, message) => {
    const odd = await startS3({ ignoresConditions: true });
    if ('code' in fault) {
      odd.fail({ with: fault, method: 'PUT' });
    }
    odd.put('.fetchfleet-results', 'of somebody\n');
    sink = new S3Store({ url: 's3://fleet', env: odd.env }).sink({ worker: 'w-1', manifest });
    await expect(sink.start()).rejects.toMatchObject({
      name: 'SinkError',
      message: expect.stringMatching(message),
    });
    expect(odd.object('.fetchfleet-results')?.body.toString()).toBe('of somebody\n');
    await odd.dispose();
  });
});
