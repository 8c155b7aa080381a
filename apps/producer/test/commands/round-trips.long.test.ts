import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { fleetKeys } from '@fetchfleet/fleet';
import { installLeakGuard, redisUrl, track } from '@fetchfleet/testing';
import { crawlFile } from '../cli-fixture.ts';
import { FleetProject } from '../fleet-fixture.ts';

/** Commands that arrive within this time of each other share a round trip. */
const TURN_MS = 5;
const BATCHES = 400;
const MAX_TURNS = 40;

let fleet: FleetProject;

beforeEach(async () => {
  fleet = await FleetProject.create();
});

afterEach(async () => fleet.remove());

installLeakGuard();

/** A proxy before Redis that sends what came in one go, and counts how often it did. */
async function startCountingProxy() {
  const target = new URL(redisUrl());
  const sockets = new Set<Socket>();
  let turns = 0;
  const server = createServer((client) => {
    const redis = connect(Number(target.port), target.hostname);
    let pending: Buffer[] = [];
    client.on('data', (chunk: Buffer) => {
      if (pending.length === 0) {
        setTimeout(() => {
          turns += 1;
          redis.write(Buffer.concat(pending));
          pending = [];
        }, TURN_MS);
      }
      pending.push(chunk);
    });
    redis.on('data', (chunk) => client.write(chunk));
    for (const [socket, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy()).on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const url = new URL(target);
  url.host = `127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    for (const socket of sockets) {
      socket.destroy();
    }
    await new Promise((resolve) => {
      server.close(resolve);
    });
  };
  track({ what: 'counting proxy', isOpen: () => server.listening, close: stop });
  return {
    url: url.href,
    stop,
    /** Turns since the last call. */
    takeTurns: () => {
      const taken = turns;
      turns = 0;
      return taken;
    },
  };
}

it('takes a bounded number of round trips, however many batches have ended', async () => {
  await fleet.project.write('crawl.yaml', crawlFile('https://a.example', 1));
  const { stdout } = await fleet.project.call(['start', 'crawl.yaml']);
  const crawl = await fleet.ledger.crawl(stdout.trim());
  if (crawl === undefined) {
    throw new Error('no crawl');
  }
  const source = 'x.yaml';
  const ids = Array.from({ length: BATCHES }, (_, at) => `old-${at}`);
  await Promise.all(
    ids.map(async (id) => {
      await fleet.ledger.register({ id, crawl, total: 1, sliceSize: 1, source, fingerprint: id });
      await fleet.ledger.expanded(id);
      await fleet.ledger.settle(id, [{ index: 0, outcome: 'timeout', durationMs: 1, bytes: 1 }]);
    }),
  );
  // As version 0.1 left it: the first command makes the index.
  await fleet.redis.del(fleetKeys(fleet.name).home.unfinished);
  const proxy = await startCountingProxy();
  const commands = [
    ['start', 'crawl.yaml', '--new'],
    ['start', 'crawl.yaml'],
    ['batches'],
    ['batches', '--state', 'running'],
    ['batches', '--limit', '1000'],
    ['status'],
    ['status', 'old-7'],
    ['status', 'nosuch'],
    ['failures', 'old-7'],
    ['pause', 'old-7'],
    ['cancel', 'old-7'],
    ['retry', 'old-7'],
    ['workers'],
    ['prune', '--older-than', '0s', '--dry-run'],
    ['prune', '--older-than', '30d', '--dry-run'],
  ];
  const turns: Record<string, number> = {};
  for (const command of commands) {
    await fleet.project.run(command, { REDIS_URL: proxy.url });
    turns[command.join(' ')] = proxy.takeTurns();
  }
  expect(Object.entries(turns).filter(([, count]) => count === 0 || count > MAX_TURNS)).toEqual([]);
  await proxy.stop();
});
