import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { closeAfterEach, eventually, redisUrl, type Running, track } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { type Fleet, range, recordedIndexes, setUpFleet } from '../fleet/fleet-fixture.ts';
import { type PoliteOrigin, politeCrawl, startPoliteOrigin } from './politeness-fixture.ts';

closeAfterEach();

/** Fetches that may be in flight. */
const LIMIT = 4;

/** A proxy of Redis that can hold back what Redis answers. */
class HoldingProxy {
  readonly #server = createServer((client) => this.#connect(client));
  readonly #answering: Socket[] = [];
  #isArmed = false;
  #isHolding = false;

  static async start(): Promise<HoldingProxy> {
    const proxy = new HoldingProxy();
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    track({
      what: 'a proxy of Redis',
      isOpen: () => proxy.#server.listening,
      close: async () => proxy.#stop(),
    });
    return proxy;
  }

  get url(): string {
    const url = new URL(redisUrl());
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** Resolves when a worker has asked for starts. From then on it gets no answers. */
  async holdNext(): Promise<void> {
    this.#isArmed = true;
    await eventually(() => this.#isHolding, { intervalMs: 1 });
  }

  release(): void {
    for (const redis of this.#answering) {
      redis.resume();
    }
  }

  #connect(client: Socket): void {
    const { hostname, port } = new URL(redisUrl());
    const redis = connect(Number(port), hostname);
    this.#answering.push(redis);
    for (const socket of [client, redis]) {
      socket.on('error', () => undefined);
      socket.once('close', () => {
        client.destroy();
        redis.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (this.#isArmed && chunk.includes('"want":')) {
        this.#isArmed = false;
        this.#isHolding = true;
        for (const each of this.#answering) {
          each.pause();
        }
      }
      redis.write(chunk);
    });
    redis.on('data', (chunk) => client.write(chunk));
  }

  #stop(): void {
    this.#server.close();
    for (const redis of this.#answering) {
      redis.destroy();
    }
  }
}

interface Beside {
  readonly fleet: Fleet;
  readonly origin: PoliteOrigin;
}

/** Stops a worker until its leases have ended and another one has all permits. */
async function freeze(worker: Running, { fleet, origin }: Beside): Promise<void> {
  worker.signal('SIGSTOP');
  const { length } = await origin.seen();
  await origin.behave({ delayMs: 3_000 });
  await fleet.worker();
  await eventually(async () => {
    const since = (await origin.seen()).slice(length);
    return since.some(({ inFlight }) => inFlight === LIMIT);
  });
  worker.signal('SIGCONT');
}

describe('the limit of fetches in flight', () => {
  it('holds where a worker stood still with an answer of the gate to read', async () => {
    const { fleet, results } = await setUpFleet();
    const redis = await HoldingProxy.start();
    // With fewer permits than the origin has, it is granted what it asks for.
    const worker = await fleet.worker(['--concurrency', '2'], { REDIS_URL: redis.url });
    const origin = await startPoliteOrigin({ delayMs: 50 });
    await fleet.enqueue('asking', politeCrawl(origin, 100, `concurrency: ${LIMIT}`));
    await eventually(async () => (await origin.seen()).length > LIMIT);
    await redis.holdNext();
    const frozen = freeze(worker, { fleet, origin });
    redis.release();
    await frozen;
    const { length } = await origin.seen();
    await eventually(async () => (await origin.seen()).length > length);
    await origin.behave({ delayMs: 20 });
    expect(await fleet.finished('asking')).toMatchObject({ ok: 100 });
    expect(await recordedIndexes(results, 'asking')).toEqual(range(100));
    const most = Math.max(...(await origin.seen()).map(({ inFlight }) => inFlight));
    expect(most).toBe(LIMIT);
  });
});
