import { join } from 'node:path';
import { TemporaryFolder } from '@fetchfleet/crawl';
import { openPrivateRedis } from '@fetchfleet/producer/library';
import type { CrawlDefinition } from '../crawl/define-crawl.ts';
import type { Batch } from '../fleet/batch.ts';
import type { BatchStatus, FetchRecord } from '../fleet/documents.ts';
import { connectFleet } from '../fleet/fleet.ts';
import { type Environment, environmentOf } from '../environment/environment.ts';
import { Cleanup } from './cleanup.ts';
import type { RunOptions } from './run-options.ts';
import { startRunWorkers } from './run-workers.ts';

/**
 * A batch that has ended. Dispose of it when its records have been read.
 *
 * @typeParam Params names of the parameters of its crawl
 */
export class FinishedRun<Params extends string = string> {
  readonly status: BatchStatus;
  readonly #batch: Batch<Params>;
  readonly #cleanup: Cleanup;

  /** @internal */
  constructor(
    status: BatchStatus,
    parts: { readonly batch: Batch<Params>; readonly cleanup: Cleanup },
  ) {
    this.status = status;
    this.#batch = parts.batch;
    this.#cleanup = parts.cleanup;
  }

  /**
   * All records, in the order of their indexes.
   *
   * @typeParam Body what bodies that are JSON hold; nothing checks it
   */
  records<Body = unknown>(): AsyncGenerator<FetchRecord<Params, Body>, void, undefined> {
    return this.#batch.records<Body>();
  }

  /** Removes what was temporary. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.run();
  }
}

/**
 * Runs a crawl to its end, with everything that it needs. For scripts and tests:
 *
 *     await using run = await runBatch(crawl);
 *     for await (const record of run.records()) {
 *       console.log(record.url, record.status);
 *     }
 *
 * As with `fetchfleet run`, private addresses are fetched where the crawl allows them, and its
 * workers send the secrets that it names.
 *
 * @throws CommandError (`REDIS_SERVER_MISSING`) if there is neither `redisUrl` nor a
 *   `redis-server`; the reason of `signal`; as `connectFleet`, `createWorker` and `start` do
 */
export async function runBatch<Params extends string>(
  crawl: CrawlDefinition<Params>,
  options: RunOptions = {},
): Promise<FinishedRun<Params>> {
  const { env, signal, onProgress, onWarning } = options;
  const cleanup = new Cleanup();
  try {
    const folder = await temporaryFolder(cleanup);
    const redisUrl = options.redisUrl ?? (await ownRedis(folder, cleanup, environmentOf(env)));
    const { results = join(folder, 'results') } = options;
    const fleet = await connectFleet({
      redisUrl,
      results,
      allowPrivate: true,
      ...(env !== undefined && { env }),
      ...(onWarning !== undefined && { onWarning }),
    });
    cleanup.add(async () => fleet.close());
    signal?.throwIfAborted();
    const batch = await fleet.start(crawl, { ...(signal !== undefined && { signal }) });
    const workers = await startRunWorkers({ fleet, crawl, redisUrl, results }, options);
    try {
      const waited = batch.wait({
        ...(signal !== undefined && { signal }),
        ...(onProgress !== undefined && { onProgress }),
      });
      const status = await Promise.race([waited, workers.failed]);
      return new FinishedRun(status, { batch, cleanup });
    } catch (error) {
      await batch.cancel().catch(() => undefined); // Redis may be what has failed
      throw error;
    } finally {
      await workers.stop();
    }
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

async function temporaryFolder(cleanup: Cleanup): Promise<string> {
  const folder = await TemporaryFolder.create('run');
  cleanup.add(async () => folder[Symbol.asyncDispose]());
  return folder.path;
}

/** How long it stays up without a client: nobody comes back to it. */
const IDLE_MS = 100;

async function ownRedis(
  projectFolder: string,
  cleanup: Cleanup,
  env: Environment,
): Promise<string> {
  const redis = await openPrivateRedis({ projectFolder, env, idleMs: IDLE_MS });
  cleanup.add(() => redis.release());
  return redis.url;
}
