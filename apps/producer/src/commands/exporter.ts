import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  FleetHistory,
  FleetOverview,
  fleetKeys,
  openRedis,
  parseRedisUrl,
  redisAccess,
  ShardsWatch,
} from '@fetchfleet/fleet';
import {
  createExporterMetrics,
  FleetMetrics,
  type Health,
  HttpEndpoint,
  type Part,
  parseSettings,
  startAll,
  stopAll,
  wholeNumber,
} from '@fetchfleet/service';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type Context, fleetName } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/errors.ts';
import { FleetSession } from '../session/fleet-session.ts';
import { PassedOver } from '../session/passed-over.ts';

export interface ExporterOptions {
  readonly json?: boolean;
  readonly port?: string;
  readonly host?: string;
}

const DEFAULT_PORT = '9465';
/** A lease lasts for 15 s. */
const RENEW_MS = 2_000;
/** Redis that has not answered for so long is away. */
const SILENT_MS = 10_000;

const settings = z.object({
  port: wholeNumber({ min: 0, max: 65_535 }),
  host: z.string().min(1),
});

/** `fetchfleet exporter`: serves the metrics of the fleet until it is interrupted. */
export async function exporter(options: ExporterOptions, context: Context): Promise<ExitCode> {
  const { terminal } = context;
  const { port = DEFAULT_PORT, host = '127.0.0.1' } = options;
  const address = parseSettings(settings, { port, host }, ([name]) => `--${String(name)}`);
  // It says what is wrong with Redis before a monitor does, and keeps a private Redis up.
  const session = await FleetSession.open(context, 'find');
  const { drain: signal } = context.interrupts.takeOver();
  const running = new Exporter(session.url, address, context);
  try {
    const url = await running.start();
    if (options.json === true) {
      terminal.printJson({ address: url });
    } else {
      terminal.print(url);
      terminal.note('Ctrl-C ends the exporter, and nothing else');
    }
    if (!signal.aborted) {
      await once(signal, 'abort');
    }
    return EXIT.interrupted;
  } finally {
    await running.stop();
    await session.close();
  }
}

/** Serves the metrics of a fleet for as long as it has their lease, and samples its history. */
class Exporter {
  readonly #redis: Redis;
  readonly #metrics: FleetMetrics;
  readonly #parts: readonly Part[];
  readonly #terminal: Context['terminal'];
  /** What is found again with every scrape, and said once. */
  readonly #passedOver = new PassedOver();
  #timer: NodeJS.Timeout | undefined;
  #isRenewing = false;
  #answeredAt = performance.now();
  #isAnswering = true;
  #url = '';

  constructor(
    redisUrl: string,
    { port, host }: z.infer<typeof settings>,
    { env, terminal }: Context,
  ) {
    this.#terminal = terminal;
    const keys = fleetKeys(fleetName({ env }));
    // A command gives a silent Redis up. This one waits for it, and looks by itself.
    const redis = openRedis(parseRedisUrl(redisUrl, redisAccess(env)), () => undefined);
    const page = createExporterMetrics();
    const shards = new ShardsWatch(redis, keys);
    this.#redis = redis;
    this.#metrics = new FleetMetrics({
      overview: new FleetOverview(redis, keys, this.#passedOver.add),
      history: new FleetHistory(redis, keys, this.#passedOver.add),
      metrics: page,
      id: `exporter-${randomBytes(4).toString('hex')}`,
    });
    page.onCollect(async () => this.#metrics.collect());
    const endpoint = new HttpEndpoint({
      port,
      host,
      setting: '--port',
      metrics: async () => page.page(),
      health: () => ({ status: 'ok' }),
      ready: () => this.#health(),
    });
    this.#parts = [
      { name: 'Redis connection', stop: () => redis.disconnect() },
      {
        name: 'number of shards',
        start: async () => shards.startWithLook(),
        stop: () => shards.stop(),
      },
      {
        name: 'HTTP endpoint',
        start: async () => {
          const name = host.includes(':') ? `[${host}]` : host;
          this.#url = `http://${name}:${await endpoint.start()}/metrics`;
        },
        stop: async () => endpoint.stop(),
      },
      {
        name: 'metrics of the fleet',
        start: async () => {
          this.#timer = setInterval(() => void this.#renew(), RENEW_MS);
          await this.#renew();
        },
        stop: async () => {
          clearInterval(this.#timer);
          await (redis.status === 'ready' ? this.#metrics.stop() : undefined);
        },
      },
    ];
  }

  /** @returns the URL to scrape. @throws SettingsError where the address cannot be used */
  async start(): Promise<string> {
    await startAll(this.#parts);
    return this.#url;
  }

  async stop(): Promise<void> {
    await stopAll(this.#parts);
    this.#passedOver.report(this.#terminal);
  }

  /** Renews the lease. While Redis is away or silent, requests would only pile up. */
  async #renew(): Promise<void> {
    if (!this.#isRenewing && this.#redis.status === 'ready') {
      this.#isRenewing = true;
      try {
        await this.#metrics.renewLease();
        this.#answeredAt = performance.now();
      } catch {
        // The connection was lost meanwhile, or Redis refuses: it has not answered.
      } finally {
        this.#isRenewing = false;
      }
    }
    this.#noteChange();
  }

  #noteChange(): void {
    const isAnswering = this.#health().status === 'ok';
    if (isAnswering === this.#isAnswering) {
      return;
    }
    this.#isAnswering = isAnswering;
    if (isAnswering) {
      this.#terminal.note('Redis answers');
    } else {
      this.#terminal.warn('Redis does not answer; trying again until it does');
    }
  }

  #health(): Health {
    return performance.now() - this.#answeredAt < SILENT_MS
      ? { status: 'ok' }
      : { status: 'fail', reason: 'Redis does not answer' };
  }
}
