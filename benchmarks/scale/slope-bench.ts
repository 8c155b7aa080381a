import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fleetKeys, SliceQueue } from '@fetchfleet/fleet';
import { BenchFleet } from '../bench-fleet.ts';
import type { BenchContext } from '../context.ts';
import { enqueueBatch } from '../enqueue-batch.ts';
import { measure, type Reading } from './meter.ts';

const HOSTS_PER_ROW = 250;

export interface Work {
  readonly origins: number;
  /** Fetches of each origin. */
  readonly each: number;
  /** Starts per second and origin, in crawl file syntax. @default unlimited */
  readonly rate?: string;
  /** @default 0 */
  readonly latencyMs?: number;
  /** Size of the body, if there is no latency. @default 213 */
  readonly bytes?: number;
  /** @default http */
  readonly scheme?: 'http' | 'https';
}

let batches = 0;
/** The second number of the addresses: every batch has origins that are new to the gate. */
let block = 0;

/** A fleet to measure, with its queue. */
export class SlopeBench {
  readonly fleet: BenchFleet;
  readonly queue: SliceQueue;
  readonly #ports: Readonly<Record<'http' | 'https', string>>;

  private constructor(fleet: BenchFleet, queue: SliceQueue, ports: SlopeBench['ports']) {
    this.fleet = fleet;
    this.queue = queue;
    this.#ports = ports;
  }

  get ports(): Readonly<Record<'http' | 'https', string>> {
    return this.#ports;
  }

  /** Starts a Redis and workers, which are stopped at the end of the benchmark. */
  static async start(
    context: BenchContext,
    ports: SlopeBench['ports'],
    size: { readonly workers: number; readonly concurrency: number },
  ): Promise<SlopeBench> {
    const fleet = await BenchFleet.start(context, { redis: await context.redis(), ...size });
    const queue = new SliceQueue(fleet.client, fleetKeys(fleet.name));
    context.onEnd(async () => queue.stop());
    return new SlopeBench(fleet, queue, ports);
  }

  /** @returns the id of the batch */
  async enqueue(work: Work): Promise<string> {
    const id = `slope-${batches++}`;
    const target = { ledger: this.fleet.ledger, queue: this.queue };
    await enqueueBatch(target, id, this.#crawlText(work));
    return id;
  }

  /** Measures a batch from its first slice to its last record, and what its records take. */
  async fetch(work: Work): Promise<Reading & { readonly diskBytes: number }> {
    let id = '';
    const reading = await measure(this.fleet, async () => {
      id = await this.enqueue(work);
      await this.fleet.finished(id);
    });
    const folder = join(this.fleet.results, id);
    const diskBytes = await bytesIn(folder);
    await rm(folder, { recursive: true, force: true });
    return { ...reading, diskBytes };
  }

  #crawlText({ origins, each, rate, latencyMs = 0, bytes, scheme = 'http' }: Work): string {
    block = (block % 250) + 1;
    const hosts = Math.min(origins, HOSTS_PER_ROW);
    const address = `127.${block}.{row}.{host}:${this.#ports[scheme]}`;
    return `
name: slope
url: ${scheme}://${address}/${bytes === undefined ? `d${latencyMs}` : `s${bytes}`}/{n}
params:
  row: { from: 0, to: ${Math.ceil(origins / HOSTS_PER_ROW) - 1} }
  host: { from: 1, to: ${hosts} }
  n: { from: 1, to: ${each} }
politeness: { rate: ${rate ?? 'unlimited'}, concurrency: unlimited, robots: ignore }
network: { allowPrivate: true, tls: { insecure: ${scheme === 'https'} } }
`;
  }
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
