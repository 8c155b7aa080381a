import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, type PrivateRedis, startRedis } from '@fetchfleet/testing';
import { Redis } from 'ioredis';
import { mountMemory } from './namespace.ts';
import { RedisLink } from './redis-link.ts';

const DISK_MIB = 1024;
const ANSWER_MS = 5_000;

/** A Redis, a replica of it, and the link of the fleet to the one that is the master. */
export class RedisPair {
  readonly link: RedisLink;
  #master: PrivateRedis;
  #replica: PrivateRedis;

  private constructor(master: PrivateRedis, replica: PrivateRedis, link: RedisLink) {
    this.#master = master;
    this.#replica = replica;
    this.link = link;
  }

  /** With `appendfsync always`: what was acknowledged outlives a kill, so no loss is excused. */
  static async start(folder: string): Promise<RedisPair> {
    const start = async (name: string): Promise<PrivateRedis> => {
      const dir = join(folder, name);
      await mkdir(dir);
      await mountMemory(dir, DISK_MIB);
      return startRedis({ appendonly: true, appendfsync: 'always', dir });
    };
    const [master, replica] = await Promise.all([start('redis-1'), start('redis-2')]);
    const pair = new RedisPair(master, replica, await RedisLink.start(master.port));
    await pair.#follow();
    return pair;
  }

  get master(): PrivateRedis {
    return this.#master;
  }

  /**
   * A question to the master, past the link.
   *
   * @throws Error if it does not answer
   */
  async ask<T>(question: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis(this.#master.port, '127.0.0.1', {
      commandTimeout: ANSWER_MS,
      connectTimeout: ANSWER_MS,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    client.on('error', () => undefined);
    try {
      return await question(client);
    } finally {
      client.disconnect();
    }
  }

  /** Starts the master again after a kill; the replica finds it by itself. */
  async restart(): Promise<void> {
    await this.#master.restart();
  }

  /** Kills the master and makes the replica the master. */
  async failOver(): Promise<void> {
    await this.#master.kill();
    const next = this.#replica;
    this.#replica = this.#master;
    this.#master = next;
    await this.ask(async (client) => client.replicaof('NO', 'ONE'));
    this.link.moveTo(next.port);
  }

  /** The old master comes back as a replica. */
  async rejoin(): Promise<void> {
    await this.#replica.restart();
    await this.#follow();
  }

  async stop(): Promise<void> {
    await this.link.stop();
    await Promise.all([this.#master.dispose(), this.#replica.dispose()]);
  }

  async #follow(): Promise<void> {
    const client = new Redis(this.#replica.url);
    try {
      await client.replicaof('127.0.0.1', this.#master.port);
      await eventually(async () =>
        (await client.info('replication')).includes('master_link_status:up'),
      );
    } finally {
      client.disconnect();
    }
  }
}
