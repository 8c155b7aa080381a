import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, connect, type Server, type Socket } from 'node:net';
import type { FetchRecord } from '@fetchfleet/crawl';
import { eventually, freePort, installLeakGuard, type Running } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { crawlFile } from '../cli-fixture.ts';
import { FleetProject } from '../fleet-fixture.ts';

let fleet: FleetProject;
beforeEach(async () => {
  fleet = await FleetProject.create();
});
afterEach(async () => fleet.remove());
installLeakGuard();

type Recorded = FetchRecord & { readonly body?: { readonly path: string } };

async function exported(batch: string): Promise<readonly Recorded[]> {
  return (await fleet.exported(batch)).records as unknown as readonly Recorded[];
}

async function isFinished(batch: string): Promise<boolean> {
  return (await fleet.ledger.state(batch)) === 'finished';
}

/** Counts what comes back from a port. */
class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  bytes = 0;

  constructor(port: number) {
    this.#server = createServer((socket) => {
      const target = connect(port, '127.0.0.1');
      target.on('data', (chunk) => {
        this.bytes += chunk.length;
      });
      socket.pipe(target).pipe(socket);
      for (const one of [socket, target]) {
        this.#sockets.add(one);
        one.on('error', () => one.destroy());
      }
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async stop(): Promise<void> {
    this.#sockets.forEach((socket) => socket.destroy());
    this.#server.close();
    await once(this.#server, 'close');
  }
}

describe('only what changed', () => {
  it.each(['got', 'native'])(
    'moves under a tenth of the bytes of 249 countries (%s)',
    async (one) => {
      const port = await freePort();
      const api = await fleet.project.start(['--port', String(port)], {
        command: 'fetchfleet-sample-api',
      });
      const relay = new Relay(port);
      try {
        await api.waitForLine(/sample API on/u);
        await fleet.worker(['--transport', one]);
        const crawl = [
          'name: countries',
          `url: http://127.0.0.1:${await relay.listen()}/country/{country}/status/confirmed`,
          'params: { country: { countries: slug } }',
          'network: { allowPrivate: true }',
          'revalidate: true',
        ].join('\n');
        const moved: number[] = [];
        for (let run = 0; run < 3; run += 1) {
          const before = relay.bytes;
          const batch = await fleet.enqueue(crawl);
          await eventually(async () => isFinished(batch));
          moved.push(relay.bytes - before);
        }
        const [first = 0, second = 0, third = 0] = moved;
        expect(first).toBeGreaterThan(249 * 1_000);
        expect(second).toBeLessThan(first / 10);
        expect(third).toBeLessThan(first / 10);
      } finally {
        await relay.stop();
        await api.kill();
      }
    },
  );

  it('is exact when a worker is killed in the middle', async () => {
    const { origin } = fleet;
    origin.respond(/^\/echo\//u, (request, response) => {
      const isKnown = request.headers['if-none-match'] !== undefined;
      const isOdd = Number(request.url?.split('/').at(-1)) % 2 === 1;
      // Every second one has a validator, the others only their bodies.
      const headers = { 'content-type': 'application/json', ...(isOdd && { etag: '"e"' }) };
      setTimeout(() => {
        response.writeHead(isKnown ? 304 : 200, headers);
        response.end(isKnown ? '' : JSON.stringify({ path: request.url }));
      }, 20);
    });
    const crawl = crawlFile(origin.url, 400, 'revalidate: true').replace(
      'concurrency: unlimited',
      'concurrency: 8',
    );
    const first = await fleet.enqueue(crawl);
    let worker: Running = await fleet.worker();
    await eventually(async () => isFinished(first));
    const second = await fleet.enqueue(crawl);
    await eventually(async () => ((await fleet.ledger.status(second))?.settled ?? 0) > 100);
    await worker.kill();
    worker = await fleet.worker();
    await eventually(async () => isFinished(second));
    const records = await exported(second);
    expect(records).toHaveLength(400);
    for (const { index, unchanged, outcome, body } of records) {
      expect([outcome, unchanged]).toEqual(['ok', { batch: first, index }]);
      expect(body).toEqual({ path: `/echo/${index + 1}` });
    }
    const { document } = await fleet.json('diff', second);
    expect(document).toMatchObject({ unchanged: 400, changed: 0, added: 0, removed: 0, failed: 0 });
  });

  it('keeps the bodies that a running batch refers to, and heals where they were removed', async () => {
    const { origin, project } = fleet;
    await fleet.worker();
    const gate = { opens: Promise.resolve() };
    origin.respond(/^\/echo\//u, async (request, response) => {
      await gate.opens;
      const isKnown = request.headers['if-none-match'] !== undefined;
      response.writeHead(isKnown ? 304 : 200, { etag: '"e"', 'content-type': 'application/json' });
      response.end(isKnown ? '' : JSON.stringify({ path: request.url }));
    });
    const crawl = crawlFile(origin.url, 3, 'revalidate: true');
    const ids: string[] = [];
    const next = async (): Promise<string> => {
      const id = await fleet.enqueue(crawl);
      ids.push(id);
      return id;
    };
    for (let run = 0; run < 2; run += 1) {
      const id = await next();
      await eventually(async () => isFinished(id));
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    gate.opens = promise;
    const third = await next();
    const [first, second] = ids;
    const named = await fleet.json('prune', first ?? '', '--yes');
    expect(named).toMatchObject({ code: 1, document: { batches: [], kept: [{ batch: first }] } });
    const { document, stderr } = await fleet.json('prune', '--older-than', '0s', '--yes');
    expect(document.kept).toEqual([{ batch: first, referredBy: third }]);
    expect(document.batches).toMatchObject([{ batch: second }]);
    expect(stderr).toContain(`${first} is kept: ${third} refers to it`);
    resolve();
    await eventually(async () => isFinished(third));
    expect((await exported(third)).map(({ body }) => body?.path)).toEqual([
      '/echo/1',
      '/echo/2',
      '/echo/3',
    ]);
    // A person removes it all the same.
    await rm(project.path('results', first ?? ''), { recursive: true });
    const lost = await project.call(['export', third]);
    expect(lost.code).toBe(1);
    expect(lost.stderr).toContain(`3 records have no body: it is in ${first}, which is not in`);
    const asked = ['query', third, 'select count(body) from records', '--format', 'csv'];
    const query = await project.call(asked);
    expect(query).toMatchObject({ code: 1, stderr: expect.stringContaining('have no body') });
    expect(query.stdout).toContain('\n0');
    const fourth = await next();
    await eventually(async () => isFinished(fourth));
    expect((await exported(fourth)).map(({ status }) => status)).toEqual([200, 200, 200]);
    // Both at once can go.
    const all = await fleet.json('prune', '--older-than', '0s', '--yes');
    expect(all.document.kept).toEqual([]);
    expect(all.document.batches).toHaveLength(3);
  });
});
