import {
  binaryPath,
  closeAfterEach,
  redisUrl,
  startOrigin,
  startProcess,
  temporaryFolder,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { crawlFile, expectComplete, startFleet } from './fleet-fixture.ts';

closeAfterEach();

const BATCHES = 40;
const TOTAL = 25;

describe('a worker that may open 128 files', () => {
  it.each(['got', 'native'])('is slower with %s, and loses no fetch', async (transport) => {
    const origins = await Promise.all(
      Array.from({ length: 8 }, async () => startOrigin({ delayMs: 20 })),
    );
    const { path: results } = await temporaryFolder();
    const fleet = await startFleet(redisUrl(), results);
    for (let batch = 0; batch < BATCHES; batch += 1) {
      const origin = origins[batch % origins.length];
      await fleet.enqueue(`b${batch}`, crawlFile(`${origin?.url}/echo/{n}`, TOTAL));
    }
    // A handshake that fails: Node warns before it.
    const tls = `${origins[0]?.url.replace('http:', 'https:')}/{n}`;
    await fleet.enqueue('tls', crawlFile(tls, 1, { retry: '{ attempts: 1 }' }));
    const limited = ['-c', 'ulimit -n 128 && exec "$0" "$@"', process.execPath];
    const worker = await startProcess(
      'sh',
      [
        ...limited,
        binaryPath('fetchfleet-worker'),
        '--allow-private',
        '--metrics-port',
        '0',
        '--fleet',
        fleet.name,
        '--results',
        results,
        '--concurrency',
        '400',
        '--transport',
        transport,
      ],
      {
        env: {
          REDIS_URL: redisUrl(),
          FETCHFLEET_LOG_FORMAT: 'json',
          HTTP_PROXY: 'http://user:hunter2@127.0.0.1:9',
          NODE_TLS_REJECT_UNAUTHORIZED: '0',
        },
      },
    );
    for (let batch = 0; batch < BATCHES; batch += 1) {
      await expectComplete({ fleet, results }, `b${batch}`, TOTAL);
    }
    expect(await fleet.finished('tls')).toMatchObject({ failed: 1 });
    const warnings = worker.stderr.split('\n').filter((line) => line.includes('"level":"warn"'));
    expect(warnings).toEqual(
      expect.arrayContaining([
        expect.stringContaining('128 open files has room for 40 fetches in flight, not 400'),
        expect.stringContaining('certificates are not checked, because NODE_TLS_REJECT'),
        expect.stringContaining(
          'set but ignored: HTTP_PROXY; fetches go through them with --proxy env',
        ),
      ]),
    );
    expect(worker.stderr.match(/certificates are not checked/g)).toHaveLength(1);
    expect(worker.stderr).not.toMatch(/hunter2|EMFILE|trace-warnings/);
  });
});
