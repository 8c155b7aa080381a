import { FleetWorker, readSettings, readWorkerProxy } from '@fetchfleet/worker/library';
import { CommandError } from '@fetchfleet/producer/library';
import { openStore, type ResultsStore } from '@fetchfleet/results';
import {
  createLogger,
  type Logger,
  planDescriptors,
  readDescriptorLimit,
} from '@fetchfleet/service';
import { type Environment, environmentOf } from '../environment/environment.ts';
import type { FetchRecord } from '../fleet/documents.ts';
import { type CustomSink, customStore, observedStore } from './custom-sink.ts';
import { LogStream } from './log-stream.ts';

export interface WorkerOptions {
  /** As `REDIS_URL`. */
  readonly redisUrl: string;
  /** As `--fleet`. Whatever is left out here is as the variables of workers say. */
  readonly fleet?: string;
  /** As `--results`, or a sink of your own. @default 'results' */
  readonly results?: string | CustomSink;
  /** As `--concurrency`: fetches in flight. @default 50 */
  readonly concurrency?: number;
  /** As `--transport`; `undici` is the former name of `native`. @default 'got' */
  readonly transport?: 'got' | 'native' | 'undici';
  /** As `--allow-private`. @default false */
  readonly allowPrivate?: boolean;
  /** As `--secrets`. @default 'CRAWL_*' */
  readonly secrets?: string;
  /** As `--drain-timeout`. @default '20s' */
  readonly drainTimeout?: string;
  /** As `--metrics-port`. @default 0, any free one */
  readonly metricsPort?: number;
  /** Variables of workers, secrets, credentials. @default those of the process */
  readonly env?: Environment;
  /**
   * Called with each record once it is durable, and again with records that are written again after
   * a failure. The ledger waits for it. What it throws is logged, and costs no record.
   */
  readonly onRecord?: (record: FetchRecord) => void | Promise<void>;
  /** Called with each line of the log, as an object. @default nothing is logged */
  readonly onLog?: (line: Readonly<Record<string, unknown>>) => void;
}

/** A worker in this process. */
export class Worker {
  readonly id: string;
  /** Where `/metrics`, `/healthz` and `/readyz` are, on 127.0.0.1. */
  readonly metricsPort: number;
  /**
   * Rejects (`WORKERS_LOST`) when the worker makes no progress and new connections did not help. It
   * drains by itself then: create another one.
   */
  readonly failed: Promise<never>;
  readonly #worker: FleetWorker;

  /** @internal */
  constructor(
    worker: FleetWorker,
    { metricsPort, failed }: { readonly metricsPort: number; readonly failed: Promise<never> },
  ) {
    this.id = worker.id;
    this.metricsPort = metricsPort;
    this.failed = failed;
    this.#worker = worker;
  }

  /** Claims nothing more, lets running fetches end, and gives the rest back. May be repeated. */
  async stop(): Promise<void> {
    await this.#worker.drain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * Starts a worker in this process. It shares the event loop with your code: code that blocks it for
 * 10 s loses the slices of this worker to others.
 *
 * @throws SettingsError (`SETTINGS_INVALID`), RedisUrlError, RedisUnfitError, SinkError
 */
export async function createWorker(options: WorkerOptions): Promise<Worker> {
  const env = environmentOf(options.env);
  const settings = readSettings(argumentsOf(options), { ...env, REDIS_URL: options.redisUrl });
  const log = loggerOf(options);
  const limit = await readDescriptorLimit();
  const descriptors = planDescriptors(limit, settings.concurrency);
  const { results } = options;
  const own: ResultsStore =
    typeof results === 'object'
      ? customStore(results)
      : await openStore(settings.results.url, {
          env,
          cwd: process.cwd(),
          compression: settings.compress,
        });
  const { onRecord } = options;
  const store = onRecord === undefined ? own : observedStore(own, { onRecord, log });
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined); // nobody may look
  const worker = new FleetWorker({
    store,
    settings: { ...settings, concurrency: descriptors.concurrency },
    descriptors,
    env,
    proxy: readWorkerProxy(settings.proxy, env),
    log,
    isOwnProcess: false,
    onHopeless: (reason) => {
      log.fatal({ reason }, 'new connections did not help: this worker ends, create a new one');
      failure.reject(new CommandError(`the worker is stuck: ${reason}`, { code: 'WORKERS_LOST' }));
      void worker.drain().catch(() => undefined);
    },
    onDrain: () => void worker.drain(),
  });
  try {
    const metricsPort = (await worker.start()) ?? 0;
    return new Worker(worker, { metricsPort, failed: failure.promise });
  } catch (error) {
    await worker.drain().catch(() => undefined);
    throw error;
  }
}

function argumentsOf(options: WorkerOptions): string[] {
  const { fleet, results, concurrency, transport, secrets, drainTimeout } = options;
  const { metricsPort = 0, allowPrivate = false } = options;
  const flags = {
    fleet,
    results: typeof results === 'string' ? results : undefined,
    concurrency,
    transport,
    secrets,
    'drain-timeout': drainTimeout,
    'metrics-port': metricsPort,
  };
  return [
    ...Object.entries(flags).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}`, String(value)],
    ),
    ...(allowPrivate ? ['--allow-private'] : []),
  ];
}

function loggerOf({ onLog }: WorkerOptions): Logger {
  return createLogger({
    name: 'fetchfleet-worker',
    level: onLog === undefined ? 'silent' : 'info',
    pretty: false,
    destination: new LogStream(onLog ?? (() => undefined)),
  });
}
