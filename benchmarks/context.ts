import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { type PrivateRedis, startRedis } from '@fetchfleet/testing';
import { type Contender, type Score, compete } from './contest.ts';
import { figure } from './format.ts';
import { type Origin, startOrigin } from './origin.ts';

export interface ContextOptions {
  readonly rounds: number;
  /** Quick mode: a quarter of the work. */
  readonly isQuick: boolean;
  /** Folder for Redis, results and origins, on the disk of the project. */
  readonly folder: string;
  readonly log: (line: string) => void;
}

/** Passed to the benchmarks. It stops everything that they start with it. */
export class BenchContext {
  readonly rounds: number;
  readonly isQuick: boolean;
  readonly folder: string;
  readonly log: (line: string) => void;
  #origin: Promise<Origin> | undefined;
  readonly #started: (() => Promise<unknown>)[] = [];

  constructor(options: ContextOptions) {
    this.rounds = options.rounds;
    this.isQuick = options.isQuick;
    this.folder = options.folder;
    this.log = options.log;
  }

  /** One origin for all benchmarks of this run. */
  async origin(): Promise<Origin> {
    this.#origin ??= startOrigin(this.folder);
    return this.#origin;
  }

  /** A Redis for one benchmark, with an append-only file as in production. */
  async redis(): Promise<PrivateRedis> {
    const dir = await mkdtemp(join(this.folder, 'redis-'));
    const redis = await startRedis({ appendonly: true, dir });
    this.onEnd(async () => redis.dispose());
    return redis;
  }

  /** A quarter of the number in quick mode. */
  scaled(fetches: number): number {
    return this.isQuick ? Math.ceil(fetches / 4) : fetches;
  }

  async compete(contenders: readonly Contender[], rounds = this.rounds): Promise<Score[]> {
    return compete(contenders, {
      rounds,
      onRun: (name, { fetches, seconds }) =>
        this.log(`  ${name}: ${figure(fetches / seconds)}/s (${seconds.toFixed(2)} s)`),
    });
  }

  /** Runs at the end of the benchmark, in reverse order. */
  onEnd(stop: () => Promise<unknown>): void {
    this.#started.push(stop);
  }

  /** After each benchmark. */
  async endBenchmark(): Promise<void> {
    for (const stop of this.#started.splice(0).toReversed()) {
      await stop();
    }
  }

  /** After the last one. */
  async stop(): Promise<void> {
    await this.endBenchmark();
    await (await this.#origin)?.stop();
  }
}
