import { connectRedis, fleetKeys, Ledger, PausedSlices, SliceQueue } from '@fetchfleet/fleet';
import { type Origin, redisUrl, type Running, startOrigin } from '@fetchfleet/testing';
import type { Redis } from 'ioredis';
import { Project } from './cli-fixture.ts';

/** A folder to run commands in, an origin, worker processes, and access to the fleet's Redis. */
export class FleetProject {
  readonly project: Project;
  readonly origin: Origin;
  readonly redis: Redis;
  readonly ledger: Ledger;
  readonly queue: SliceQueue;
  readonly pausedSlices: PausedSlices;
  readonly name: string;
  readonly #workers: Running[] = [];

  private constructor(project: Project, origin: Origin, redis: Redis) {
    this.project = project;
    this.origin = origin;
    this.redis = redis;
    this.name = project.env['FETCHFLEET_FLEET'] ?? '';
    const keys = fleetKeys(this.name);
    this.ledger = new Ledger(redis, keys);
    this.queue = new SliceQueue(redis, keys);
    this.pausedSlices = new PausedSlices(redis, keys);
  }

  static async create(): Promise<FleetProject> {
    const project = await Project.create(redisUrl());
    return new FleetProject(project, await startOrigin(), await connectRedis(redisUrl()));
  }

  async worker(flags: readonly string[] = []): Promise<Running> {
    const own = ['--allow-private', '--results', this.project.path('results')];
    // It takes a quarter of the CPU time. What depends on the transport asks for both.
    const transport = flags.includes('--transport') ? [] : ['--transport', 'native'];
    const args = [...own, '--metrics-port', '0', ...transport, ...flags];
    const worker = await this.project.start(args, { command: 'fetchfleet-worker' });
    this.#workers.push(worker);
    await worker.waitForLine(/worker ready/u);
    return worker;
  }

  /** Enqueues a crawl file. @returns the id of the batch */
  async enqueue(text: string): Promise<string> {
    const name = await this.project.write(`c-${Date.now().toString(36)}.yaml`, text);
    const { code, stdout, stderr } = await this.project.call(['start', name, '--new']);
    if (code !== 0) {
      throw new Error(stderr);
    }
    return stdout.trim();
  }

  /** Runs a command with --json. Returns its exit status and its document. */
  async json(...args: string[]) {
    const { code, stdout, stderr } = await this.project.call([...args, '--json']);
    // oxlint-disable-next-line typescript/no-unsafe-assignment
    return { code, stderr, document: stdout === '' ? undefined : JSON.parse(stdout) };
  }

  /** How often workers have started the slices of a batch that still exist, in sum. */
  async starts(batch: string): Promise<number> {
    const found = await this.redis.keys(`{${this.name}}:slices:${batch}.*`);
    // Not the lock of a slice, which is there until a moment after its batch has finished.
    const keys = found.filter((key) => /\.\d+$/u.test(key));
    const started = await Promise.all(keys.map(async (key) => this.redis.hget(key, 'ats')));
    return started.reduce((sum, count) => sum + Number(count ?? 0), 0);
  }

  /** The records of a batch as `export` writes them. */
  async exported(batch: string) {
    const { stdout, stderr } = await this.project.call(['export', batch]);
    const records = stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { index: number; url: string; outcome: string });
    return { records, stderr };
  }

  async remove(): Promise<void> {
    await Promise.all(this.#workers.map(async (worker) => worker.isRunning && worker.kill()));
    await this.queue.stop();
    const keys = await this.redis.keys(`*${this.name}*`);
    for (let at = 0; at < keys.length; at += 1_000) {
      await this.redis.unlink(...keys.slice(at, at + 1_000));
    }
    this.redis.disconnect();
    await this.origin.stop();
    await this.project.remove();
  }
}
