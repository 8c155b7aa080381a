import { execFile, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  closeAfterEach,
  freePort,
  startOrigin,
  startRedis,
  temporaryFolder,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { connectRedis } from '@fetchfleet/fleet';
import { crawlFile, startFleet } from '../fleet/fleet-fixture.ts';

closeAfterEach();

const BIN = fileURLToPath(new URL('../../bin/fetchfleet-worker.js', import.meta.url));

interface Ended {
  readonly code: number;
  readonly stderr: string;
}

/** Starts a worker that is expected to end by itself. */
async function worker(
  env: Record<string, string>,
  flags: readonly string[] = [],
  nodeFlags: readonly string[] = [],
) {
  const { path } = await temporaryFolder();
  return new Promise<Ended>((resolve) => {
    execFile(
      process.execPath,
      [
        ...nodeFlags,
        BIN,
        '--metrics-port',
        '0',
        '--log-format',
        'json',
        '--results',
        path,
        ...flags,
      ],
      { env },
      (error, _stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stderr }),
    );
  });
}

describe('a worker that can never work', () => {
  it('ends at the start, with one sentence and without the password', async () => {
    const server = await startRedis();
    const admin = await connectRedis(server.url);
    await admin.call('ACL', 'SETUSER', 'stranger', 'on', '>geheim', '~other:*', '&*', '+@all');
    const at = `127.0.0.1:${server.port}`;
    const [badDatabase, badPassword, badUser, badUrl] = await Promise.all([
      worker({ REDIS_URL: `redis://${at}/99` }),
      worker({ REDIS_URL: `redis://nobody:geheimer@${at}` }),
      worker({ REDIS_URL: `redis://stranger:geheim@${at}` }),
      worker({ REDIS_URL: `redis://:geh/eim@${at}` }),
    ]);
    expect(badDatabase.code).toBe(2);
    expect(badDatabase.stderr).toMatch(/fetchfleet-worker: REDIS_URL names a database/);
    expect(badPassword.code).toBe(3);
    expect(badPassword.stderr).toMatch(/fetchfleet-worker: .*refuses the user or the password/);
    expect(badUser.code).toBe(3);
    expect(badUser.stderr).toMatch(/fetchfleet-worker: .*does not permit what a fleet needs/);
    expect(badUrl.code).toBe(2);
    for (const { stderr } of [badDatabase, badPassword, badUser, badUrl]) {
      expect(stderr).not.toMatch(/geheim|geh\//);
      expect(stderr.match(/^fetchfleet-worker: /gm)).toHaveLength(1);
    }
    admin.disconnect();
    await server.dispose();
  });

  it('names the setting of a port that is in use', async () => {
    const { port } = new URL((await startOrigin()).url);
    const ended = await worker({ REDIS_URL: 'redis://127.0.0.1:1' }, ['--metrics-port', port]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(
      `--metrics-port (FETCHFLEET_METRICS_PORT): cannot listen on 127.0.0.1:${port}: the port`,
    );
  });

  it('says so under a Node that is too old, without loading anything', async () => {
    const pretend =
      'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"20.1.0"})';
    const ended = await worker({}, [], ['--import', pretend]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/^error: fetchfleet-worker needs Node 22/);
  });
});

describe('a Redis that is full before any worker starts', () => {
  it('is worked off', async () => {
    const server = await startRedis();
    const origin = await startOrigin();
    const { path } = await temporaryFolder();
    const fleet = await startFleet(server.url, path);
    const total = await fleet.enqueue('filled', crawlFile(`${origin.url}/echo/{n}`, 200));
    await fleet.redis.config('SET', 'maxmemory', '1');
    await expect(fleet.redis.set('x', 'y')).rejects.toThrow('OOM');
    const started = await fleet.worker();
    expect(await fleet.finished('filled')).toMatchObject({ ok: total });
    await started.kill('SIGTERM');
    await fleet.stop();
    await server.dispose();
  });
});

describe('a Redis with TLS', () => {
  it('is reached with a private CA, however that is named, and a client certificate', async () => {
    const { path } = await temporaryFolder();
    const openssl = (line: string) =>
      execFileSync('openssl', line.split(' '), { cwd: path, stdio: 'ignore' });
    openssl('req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 3 -subj /CN=ca');
    openssl(
      'req -x509 -newkey rsa:2048 -nodes -keyout s.key -out s.crt -days 3 -subj /CN=localhost ' +
        '-addext subjectAltName=IP:127.0.0.1 -CA ca.crt -CAkey ca.key',
    );
    const file = (name: string) => `${path}/${name}`;
    const server = await startRedis();
    const admin = await connectRedis(server.url);
    const port = await freePort();
    const tls = ['tls-cert-file', file('s.crt'), 'tls-key-file', file('s.key')];
    const clients = ['tls-ca-cert-file', file('ca.crt'), 'tls-auth-clients', 'yes'];
    await admin.call('CONFIG', 'SET', ...tls, ...clients, 'tls-port', String(port));
    // That the database is refused shows that the worker has come through.
    const REDIS_URL = `rediss://127.0.0.1:${port}/99`;
    const client = { REDIS_TLS_CERT: file('s.crt'), REDIS_TLS_KEY: file('s.key') };
    const [ownVariable, ofNode, halfAPair] = await Promise.all([
      worker({ REDIS_URL, REDIS_TLS_CA: file('ca.crt'), ...client }),
      worker({ REDIS_URL, NODE_EXTRA_CA_CERTS: file('ca.crt'), ...client }),
      worker({ REDIS_URL, REDIS_TLS_KEY: file('s.key') }),
    ]);
    for (const ended of [ownVariable, ofNode]) {
      expect(ended.stderr).toMatch(/fetchfleet-worker: REDIS_URL names a database/);
    }
    expect(halfAPair.stderr).toMatch(/REDIS_TLS_CERT and REDIS_TLS_KEY must be set together/);
    expect(halfAPair.code).toBe(2);
    admin.disconnect();
    await server.dispose();
  });
});
