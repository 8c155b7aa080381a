import {
  localSecrets,
  localWorkers,
  networkPermissions,
  readRunSettings,
} from '@fetchfleet/producer/library';
import { CrawlDefinition } from '../crawl/define-crawl.ts';
import { Fleet } from '../fleet/fleet.ts';
import { createWorker } from '../worker/create-worker.ts';
import { environmentOf } from '../environment/environment.ts';
import type { RunOptions } from './run-options.ts';

/** Workers that fetch for one run. */
export interface RunWorkers {
  /** Rejects when no worker is left. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

interface Run {
  readonly fleet: Fleet;
  readonly crawl: CrawlDefinition;
  readonly redisUrl: string;
  readonly results: string;
}

/** @throws SettingsError, SinkError */
export async function startRunWorkers(run: Run, options: RunOptions): Promise<RunWorkers> {
  const { workers: count = 'inline', concurrency, transport, env, onRecord, onLog } = options;
  const { session, context } = Fleet.partsOf(run.fleet);
  const { plan } = CrawlDefinition.crawlOf(run.crawl);
  const settings = readRunSettings(
    {
      workers: String(count === 'inline' ? 1 : count),
      results: run.results,
      ...(concurrency !== undefined && { concurrency: String(concurrency) }),
      ...(transport !== undefined && { transport }),
    },
    context,
  );
  if (count !== 'inline') {
    const workers = localWorkers({ session, settings, plan }, context);
    workers.start();
    return workers;
  }
  const worker = await createWorker({
    redisUrl: run.redisUrl,
    results: run.results,
    concurrency: settings.concurrency,
    transport: settings.transport,
    allowPrivate: true,
    secrets: localSecrets(settings, plan).entries.join(','),
    env: {
      ...environmentOf(env),
      FETCHFLEET_SCHEDULES: 'false',
      ...networkPermissions(plan, session, context.env),
    },
    ...(onRecord !== undefined && { onRecord }),
    ...(onLog !== undefined && { onLog }),
  });
  return worker;
}
