import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import https from 'node:https';
import { join } from 'node:path';
import {
  closeAfterEach,
  eventually,
  freePort,
  redisUrl,
  selfSigned,
  startProcess,
  startTinyproxy,
  temporaryFolder,
  track,
} from '@fetchfleet/testing';
import { Origins, Outbox, Workers } from '@fetchfleet/fleet';
import { describe, expect, it } from '@jest/globals';
import {
  crawlFile,
  expectComplete,
  metricsOf,
  readRecords,
  setUpFleet,
  startFleet,
} from './fleet-fixture.ts';

closeAfterEach();

const SECRETS = { S_CLIENT: 'sample-secret', S_PROXY: 'proxy-s3same' };
const ALLOWED = ['--secrets', 'S_CLIENT,S_PROXY', '--allow-proxy', '127.0.0.1'];

/** The sample API, whose `/private/` wants tokens. */
async function startSampleApi(): Promise<string> {
  const api = await startProcess('fetchfleet-sample-api', ['--port', '0']);
  const [, url = ''] = await api.waitForLine(/(http:\/\/127\.0\.0\.1:\d+)/);
  return url;
}

/** An https server whose certificate is its own authority. */
async function startSecureOrigin() {
  const certificate = selfSigned();
  const server = https.createServer(certificate, (_request, response) => response.end('ok'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  track({
    what: 'an https server',
    isOpen: () => server.listening,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  return { port, url: `https://127.0.0.1:${port}`, cert: certificate.cert };
}

function client(tokenUrl: string, secret = 'S_CLIENT'): string {
  return `{ oauth2: { tokenUrl: "${tokenUrl}", clientId: sample, clientSecret: "\${env:${secret}}" } }`;
}

describe('a crawl with tokens, through a proxy', () => {
  it.each(['got', 'native'])(
    'fetches all, and leaves no secret anywhere: %s',
    async (transport) => {
      const { path: results } = await temporaryFolder();
      const fleet = await startFleet(redisUrl(), results);
      const api = await startSampleApi();
      const user = { name: 'ann', password: SECRETS.S_PROXY };
      const [proxy, dead] = [await startTinyproxy({ user }), await freePort()];
      const crawl = crawlFile(`${api}/private/items/{n}`, 20, {
        params: '{ n: { from: 1, to: 20 } }',
        politeness: '{ robots: ignore, concurrency: 2 }',
        // Each token is good for seven fetches.
        auth: client(`${api}/token?uses=7`),
        network: `{ allowPrivate: true, proxy: ["http://127.0.0.1:${dead}", "http://ann:\${env:S_PROXY}@127.0.0.1:${proxy.port}"] }`,
      });
      await fleet.enqueue('b', crawl);
      const worker = await fleet.worker([...ALLOWED, '--transport', transport], SECRETS);
      const status = await fleet.finished('b');
      const records = await readRecords(results, 'b');
      expect(records.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
      expect(records).toHaveLength(20);
      expect(status).toMatchObject({ total: 20, ok: 20, failed: 0 });
      const counts = (await (await fetch(`${api}/token`)).json()) as { issued: number };
      expect(counts.issued).toBeGreaterThanOrEqual(3);
      expect(counts.issued).toBeLessThanOrEqual(8);
      // Token requests go through the proxy as well.
      expect(proxy.log.match(/POST .*\/token/g)).toHaveLength(counts.issued);
      await worker.waitForLine(new RegExp(`127.0.0.1:${dead} cannot be reached`));
      const metrics = await metricsOf(worker);
      expect(metrics).toMatch(new RegExp(`token_requests_total{.*granted.*} ${counts.issued}`));
      expect(metrics).toMatch(/proxy_errors_total{.*PROXY_UNREACHABLE.*} [1-9]/);
      const everything = [
        await fleet.dump(),
        JSON.stringify(records),
        worker.stdout,
        worker.stderr,
        metrics,
      ].join('\n');
      for (const secret of [...Object.values(SECRETS), 'Bearer']) {
        expect(everything).not.toContain(secret);
      }
    },
  );

  it('tells its receivers with secrets that stand nowhere', async () => {
    const { results, fleet, origin } = await setUpFleet();
    const secrets = {
      S_SIGN: 'sign-s3same',
      S_PATH: 'path-s3same',
      S_URL: `${origin.url}/url-s3same`,
    };
    origin.respond(/s3same/, { status: 500, body: 'path-s3same' });
    const crawl = crawlFile(`${origin.url}/{n}`, 2, {
      notify: `[{ url: "${origin.url}/\${env:S_PATH}", secret: "\${env:S_SIGN}" }, "\${env:S_URL}"]`,
    });
    await fleet.enqueue('b', crawl);
    const allowed = `S_SIGN@${origin.url},S_PATH@${origin.url},S_URL@${origin.url}`;
    const worker = await fleet.worker(['--secrets', allowed, '--log-level', 'debug'], secrets);
    await fleet.finished('b');
    const outbox = new Outbox(fleet.redis, fleet.keys);
    await eventually(async () => (await outbox.waiting('b')).every(({ attempts }) => attempts > 0));
    expect(await outbox.waiting('b')).toHaveLength(2);
    const everything = [
      await fleet.dump(),
      JSON.stringify(await readRecords(results, 'b')),
      worker.stdout,
      worker.stderr,
      await metricsOf(worker),
    ].join('\n');
    expect(everything).toContain('notification not delivered yet');
    expect(everything).not.toContain('s3same');
    origin.respond(/s3same/, { status: 204 });
    await eventually(async () => (await outbox.counts()).waiting === 0);
    // The worker counts when it knows that the outbox has let go of them.
    await eventually(async () =>
      expect(await metricsOf(worker)).toMatch(/notifications_total{.*delivered.*} 2/),
    );
  });

  it('tells a receiver again whose worker was killed before it had the answer', async () => {
    const { fleet, origin } = await setUpFleet();
    const held: (() => void)[] = [];
    origin.respond('/hook', (_, answer) => {
      held.push(() => answer.writeHead(204).end());
    });
    await fleet.enqueue('b', crawlFile(`${origin.url}/{n}`, 1, { notify: `${origin.url}/hook` }));
    const first = await fleet.worker();
    await fleet.finished('b');
    await eventually(() => held.length === 1);
    await first.kill();
    await fleet.worker();
    // The lease of the worker that was killed has to end first.
    await eventually(() => held.length === 2);
    held[1]?.();
    const outbox = new Outbox(fleet.redis, fleet.keys);
    await eventually(async () => (await outbox.counts()).waiting === 0);
    const ids = origin.arrivalsOf('/hook').map(({ headers }) => headers['webhook-id']);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  it('keeps no token that an origin sends back: in a header, or in the URL of the next page', async () => {
    const { results, fleet, origin } = await setUpFleet();
    origin.respond('/token', { body: '{"access_token":"t0ken-1","token_type":"bearer"}' });
    origin.respond(/^\/(?:0|1)/, ({ url, headers }, response) => {
      const token = headers.authorization ?? 'none';
      const next = `<${url}?page=2&t=${encodeURIComponent(token)}>; rel="next"`;
      response.writeHead(200, {
        etag: '"1"',
        'x-echo': token,
        ...(url === '/1' && { link: next }),
      });
      response.end('{}');
    });
    const crawl = crawlFile(`${origin.url}/{n}`, 2, {
      auth: client(`${origin.url}/token`),
      keep: '{ headers: all }',
      paginate: '{ next: link }',
    });
    await fleet.enqueue('b', crawl);
    await fleet.worker(ALLOWED, SECRETS);
    await fleet.finished('b');
    const records = await readRecords(results, 'b');
    expect(records.filter(({ index }) => index === 0)).toMatchObject([
      { outcome: 'ok', headers: { etag: '"1"' } },
    ]);
    expect(records.filter(({ outcome }) => outcome !== 'ok')).toMatchObject([
      { index: 1, outcome: 'bad-redirect', error: { code: 'NEXT_SECRET' } },
    ]);
    expect(JSON.stringify(records) + (await fleet.dump())).not.toContain('t0ken');
  });

  it('fails without a proxy, which is no fault of the origin', async () => {
    const { results, fleet, origin } = await setUpFleet();
    const dead = await freePort();
    await fleet.worker(ALLOWED, SECRETS);
    const network = `{ allowPrivate: true, proxy: "http://127.0.0.1:${dead}" }`;
    const retry = '{ attempts: 1 }';
    await fleet.enqueue('b', crawlFile(`${origin.url}/{n}`, 60, { network, retry }));
    await fleet.finished('b');
    const records = await readRecords(results, 'b');
    const message = expect.stringContaining(`the proxy 127.0.0.1:${dead} cannot be reached`);
    const error = { code: 'PROXY_UNREACHABLE', message };
    expect(records.map((record) => record.error)).toEqual(records.map(() => error));
    const origins = new Origins(fleet.redis, fleet.keys);
    expect(await origins.status(origin.url)).toMatchObject({ breaker: 'closed' });
    await fleet.enqueue('c', crawlFile(`${origin.url}/{n}`, 5));
    await expectComplete({ fleet, results }, 'c', 5);
  });

  it('says what a token server answers, after the attempts of each fetch', async () => {
    const { results, fleet, origin } = await setUpFleet();
    origin.respond('/token', { status: 401, body: '{"error":"invalid_client"}' });
    const crawl = crawlFile(`${origin.url}/{n}`, 3, {
      auth: client(`${origin.url}/token`),
      retry: '{ attempts: 2, backoff: 1ms }',
    });
    await fleet.enqueue('b', crawl);
    await fleet.worker(ALLOWED, SECRETS);
    await fleet.finished('b');
    const message = `${origin.url} gives no token: it answered 401 (invalid_client)`;
    expect(await readRecords(results, 'b')).toEqual(
      Array(3).fill(
        expect.objectContaining({
          outcome: 'network-error',
          attempts: 2,
          error: { code: 'AUTH_FAILED', message },
        }),
      ),
    );
    expect(origin.arrivals.map(({ path }) => path)).not.toContain('/0');
  });
});

describe('certificates of an origin', () => {
  it.each(['got', 'native'])('are checked as the crawl file says, over %s', async (transport) => {
    const { results, fleet } = await setUpFleet();
    const origin = await startSecureOrigin();
    await writeFile(join(results, 'ca.pem'), origin.cert);
    const ca = join(results, 'ca.pem');
    const trusts = { ca: `{ ca: "${ca}" }`, insecure: '{ insecure: true }', none: '{}' };
    await fleet.worker(['--allow-insecure-tls', '--transport', transport]);
    for (const [id, tls] of Object.entries(trusts)) {
      const network = `{ allowPrivate: true, tls: ${tls} }`;
      await fleet.enqueue(
        id,
        crawlFile(`${origin.url}/{n}`, 3, { network, retry: '{ attempts: 1 }' }),
      );
      await fleet.finished(id);
    }
    await expectComplete({ fleet, results }, 'ca', 3);
    await expectComplete({ fleet, results }, 'insecure', 3);
    const error = expect.objectContaining({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect((await readRecords(results, 'none')).map((record) => record.error)).toEqual(
      Array(3).fill(error),
    );
  });
});

describe('the proxies of the environment', () => {
  it('are used by a crawl that names env, where a worker allows them', async () => {
    const { results, fleet, origin } = await setUpFleet();
    const proxy = await startTinyproxy();
    const network = '{ allowPrivate: true, proxy: env }';
    await fleet.enqueue('b', crawlFile(`${origin.url}/{n}`, 2, { network }));
    const env = { HTTP_PROXY: proxy.url };
    const strict = await fleet.worker([], env);
    await strict.waitForLine(/add env to --allow-proxy/);
    await strict.kill('SIGTERM');
    expect(origin.arrivals).toEqual([]);
    // The slices wait for some seconds before a worker looks at them again.
    await fleet.ledger.cancel('b');
    await fleet.enqueue('c', crawlFile(`${origin.url}/{n}`, 2, { network }));
    await fleet.worker(['--allow-proxy', 'env'], env);
    await fleet.finished('c');
    expect(await readRecords(results, 'c')).toMatchObject([{ outcome: 'ok' }, { outcome: 'ok' }]);
    expect(proxy.log.match(/GET http:/g)).toHaveLength(2);
  });
});

describe('a worker that may not do what a crawl needs', () => {
  it('leaves it to one that may: a proxy, and certificates that are not checked', async () => {
    const { results, fleet } = await setUpFleet();
    const proxy = await startTinyproxy();
    const { port } = await startSecureOrigin();
    const crawl = crawlFile(`https://127.0.0.1:${port}/{n}`, 3, {
      network: `{ allowPrivate: true, proxy: "${proxy.url}", tls: { insecure: true } }`,
    });
    await fleet.enqueue('b', crawl);
    const strict = await fleet.worker();
    await strict.waitForLine(
      /may not use the proxy 127\.0\.0\.1:\d+: to allow it, add it to --allow-proxy/,
    );
    await strict.waitForLine(/this worker checks certificates/);
    await eventually(async () => {
      expect((await fleet.ledger.status('b'))?.missingSecrets).toEqual(
        [`--allow-proxy 127.0.0.1:${proxy.port}`, '--allow-insecure-tls'].toSorted(),
      );
    });
    await strict.kill('SIGTERM');
    // The slices of the other one wait for some seconds before a worker looks at them again.
    await fleet.enqueue('c', crawl);
    await fleet.worker(['--allow-proxy', '*', '--allow-insecure-tls']);
    await fleet.finished('c');
    expect((await readRecords(results, 'c')).map(({ outcome }) => outcome)).toEqual([
      'ok',
      'ok',
      'ok',
    ]);
    expect(proxy.log.match(/CONNECT 127/g)).not.toBeNull();
  });

  it('sends everything through its own proxy, and says so', async () => {
    const { results, fleet, origin } = await setUpFleet();
    const proxy = await startTinyproxy();
    await fleet.enqueue('b', crawlFile(`${origin.url}/{n}`, 2, { politeness: '{ robots: obey }' }));
    const env = { HTTP_PROXY: `http://ann:sesame@127.0.0.1:${proxy.port}` };
    const worker = await fleet.worker(['--proxy', 'env'], env);
    await worker.waitForLine(/fetches go through a proxy, which looks names up itself/);
    const register = new Workers(fleet.redis, fleet.keys);
    expect(await register.list()).toMatchObject([{ proxy: `127.0.0.1:${proxy.port}` }]);
    await expectComplete({ fleet, results }, 'b', 2);
    expect(proxy.log.match(/GET http:/g)).toHaveLength(3);
    expect(worker.stdout + worker.stderr).not.toContain('sesame');
  });
});
