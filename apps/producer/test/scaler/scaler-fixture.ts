import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toError } from '@fetchfleet/crawl';
import {
  eventually,
  type Prometheus,
  repositoryRoot,
  type Running,
  startPrometheus,
  track,
} from '@fetchfleet/testing';
import { parse } from 'yaml';
import { z } from 'zod';
import { FleetProject } from '../fleet-fixture.ts';
import { type Reading, Replicas, type ScalingTerms } from './replicas.ts';

/**
 * Everything that the manifest measures in time passes so many times faster here: polling,
 * cooldown, windows, scrapes, and the time before a schedule is due. Times of the fleet itself do
 * not.
 */
const FASTER = 15;
const SCRAPE_MS = 5_000 / FASTER;
/** As in base/settings.env. */
const CONCURRENCY = 50;
/** Of a HorizontalPodAutoscaler, unless it is told otherwise. */
const UP_PERIOD_S = 15;

const number = z.coerce.number();
const scaledObject = z.object({
  spec: z.object({
    minReplicaCount: number,
    maxReplicaCount: number,
    pollingInterval: number,
    cooldownPeriod: number,
    advanced: z.object({
      horizontalPodAutoscalerConfig: z.object({
        behavior: z.object({
          scaleDown: z.object({
            stabilizationWindowSeconds: number,
            policies: z.tuple([
              z.object({ type: z.literal('Percent'), value: number, periodSeconds: number }),
            ]),
          }),
        }),
      }),
    }),
    triggers: z.array(
      z.object({
        metadata: z.object({ query: z.string(), threshold: number, activationThreshold: number }),
      }),
    ),
  }),
});

type Trigger = z.infer<typeof scaledObject>['spec']['triggers'][number]['metadata'];

function msOf(seconds: number): number {
  return (seconds * 1_000) / FASTER;
}

async function readScaler() {
  const file = join(repositoryRoot, 'deploy/kubernetes/keda/scaler.yaml');
  const { spec } = scaledObject.parse(parse(await readFile(file, 'utf8')));
  const { scaleDown } = spec.advanced.horizontalPodAutoscalerConfig.behavior;
  const [{ value, periodSeconds }] = scaleDown.policies;
  const terms: ScalingTerms = {
    min: spec.minReplicaCount,
    max: spec.maxReplicaCount,
    cooldownMs: msOf(spec.cooldownPeriod),
    stabilizationMs: msOf(scaleDown.stabilizationWindowSeconds),
    down: { share: value / 100, periodMs: msOf(periodSeconds) },
    upPeriodMs: msOf(UP_PERIOD_S),
  };
  const triggers = spec.triggers.map(({ metadata }) => ({
    ...metadata,
    query: fasterQuery(metadata.query),
  }));
  return { terms, triggers, pollingMs: msOf(spec.pollingInterval) };
}

/** The times in a query are its windows, in minutes, and what is added to the time of now. */
function fasterQuery(query: string): string {
  return query
    .replaceAll(/\[(\d+)m\]/gu, (_, minutes) => `[${(Number(minutes) * 60_000) / FASTER}ms]`)
    .replaceAll(/time\(\) \+ (\d+)/gu, (_, seconds) => `time() + ${Number(seconds) / FASTER}`);
}

/**
 * A fleet whose workers are real processes, as many as KEDA would want: a real Prometheus scrapes
 * the exporter and the workers, and answers the queries of the manifest.
 */
export class ScaledFleet {
  readonly fleet: FleetProject;
  readonly pollingMs: number;
  /** How many workers were wanted, one entry for each time that Prometheus was asked. */
  readonly history: number[] = [];
  #mostUsed = 0;
  readonly #prometheus: Prometheus;
  readonly #triggers: readonly Trigger[];
  readonly #replicas: Replicas;
  readonly #targets: string;
  #exporter: Exporter;
  readonly #workers: Running[] = [];
  readonly #leaving = new Set<Running>();
  /** One change after the other; those that leave may take longer. */
  #changing: Promise<void> = Promise.resolve();
  #polling: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #problem: Error | undefined;

  private constructor(
    fleet: FleetProject,
    prometheus: Prometheus,
    scaler: Awaited<ReturnType<typeof readScaler>>,
    { targets, exporter }: { readonly targets: string; readonly exporter: Exporter },
  ) {
    this.fleet = fleet;
    this.pollingMs = scaler.pollingMs;
    this.#prometheus = prometheus;
    this.#triggers = scaler.triggers;
    this.#replicas = new Replicas(scaler.terms);
    this.#targets = targets;
    this.#exporter = exporter;
  }

  /** With no worker, and nothing that waits. */
  static async start(): Promise<ScaledFleet> {
    const fleet = await FleetProject.create();
    const exporter = await startExporter(fleet);
    const targets = fleet.project.path('targets.json');
    await writeTargets(targets, [exporter.host]);
    const prometheus = await startPrometheus({
      global: { scrape_interval: `${Math.round(SCRAPE_MS)}ms`, scrape_timeout: '300ms' },
      scrape_configs: [{ job_name: 'fetchfleet', file_sd_configs: [{ files: [targets] }] }],
    });
    const places = { targets, exporter };
    const scaled = new ScaledFleet(fleet, prometheus, await readScaler(), places);
    await eventually(async () => (await scaled.#read()) !== undefined);
    track({
      what: 'scaler',
      isOpen: () => scaled.#timer !== undefined,
      close: () => scaled.stop(),
    });
    scaled.resume();
    return scaled;
  }

  /**
   * The largest share of the permits of the workers that were wanted, that was in use at the
   * origin. More than 1: workers were taken away that had something to do.
   */
  get mostUsed(): number {
    return this.#mostUsed;
  }

  get count(): number {
    return this.#replicas.count;
  }

  /** Asks Prometheus as often as the manifest says, and does what follows from it. */
  resume(): void {
    this.#timer ??= setInterval(() => {
      this.#polling ??= this.#poll().finally(() => {
        this.#polling = undefined;
      });
    }, this.pollingMs);
  }

  /** Until `resume`. Workers stay as they are. */
  async hold(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#polling;
    await this.#changing;
  }

  /** As when its node is drained: meanwhile a worker exports, if there is one. */
  async replaceExporter(): Promise<void> {
    await this.#exporter.running.kill('SIGTERM');
    this.#exporter = await startExporter(this.fleet);
    this.#change(this.count);
  }

  /** Takes all workers away, as `kubectl scale --replicas 0` does. */
  async scaleToNothing(): Promise<void> {
    await this.hold();
    this.#replicas.set(0);
    this.#change(0);
    await this.#changing;
    await Promise.all([...this.#leaving].map(async ({ exit }) => exit));
    this.resume();
  }

  /** Resolves once Prometheus was asked so many times more. */
  async polled(times: number): Promise<void> {
    const until = this.history.length + times;
    await this.until(() => this.history.length >= until);
  }

  async until(check: () => boolean | Promise<boolean>): Promise<void> {
    await eventually(async () => {
      if (this.#problem !== undefined) {
        throw this.#problem;
      }
      return check();
    });
  }

  async stop(): Promise<void> {
    await this.hold();
    if (this.#problem !== undefined) {
      throw this.#problem;
    }
  }

  async #poll(): Promise<void> {
    try {
      const readings = await this.#read();
      if (readings === undefined) {
        return;
      }
      const wanted = this.#replicas.decide(readings, performance.now());
      this.history.push(wanted);
      if (wanted > 0) {
        const used = this.fleet.origin.inFlight / (wanted * CONCURRENCY);
        this.#mostUsed = Math.max(this.#mostUsed, used);
      }
      this.#change(wanted);
    } catch (error) {
      this.#problem ??= toError(error);
    }
  }

  /** @returns undefined while Prometheus does not know: nothing changes then */
  async #read(): Promise<Reading[] | undefined> {
    const readings: Reading[] = [];
    for (const { query, ...thresholds } of this.#triggers) {
      const [sample, ...others] = await this.#prometheus.query(query);
      if (others.length > 0) {
        throw new Error(`${query} has more than one answer`);
      }
      if (sample === undefined) {
        return undefined;
      }
      readings.push({ value: Number(sample.value[1]), ...thresholds });
    }
    return readings;
  }

  #change(wanted: number): void {
    this.#changing = this.#changing
      .then(async () => this.#adapt(wanted))
      .catch((error: unknown) => {
        this.#problem ??= toError(error);
      });
  }

  /** As many workers as are wanted. The newest go first, and drain while others come. */
  async #adapt(wanted: number): Promise<void> {
    for (const worker of this.#workers.splice(wanted)) {
      worker.signal('SIGTERM');
      this.#leaving.add(worker);
    }
    const missing = Array.from({ length: wanted - this.#workers.length }, async () =>
      this.fleet.worker(['--concurrency', String(CONCURRENCY), '--drain-timeout', '45s']),
    );
    this.#workers.push(...(await Promise.all(missing)));
    const ports = this.#workers.map(({ stderr }) => /"metricsPort":(\d+)/u.exec(stderr)?.[1]);
    const targets = ports.map((port) => `127.0.0.1:${port}`);
    await writeTargets(this.#targets, [this.#exporter.host, ...targets]);
  }
}

interface Exporter {
  readonly running: Running;
  /** And port. */
  readonly host: string;
}

async function startExporter(fleet: FleetProject): Promise<Exporter> {
  const running = await fleet.project.start(['exporter', '--port', '0', '--json']);
  const [, host = ''] = await running.waitForLine(/"address": ?"http:\/\/([^/"]+)/u);
  return { running, host };
}

/** Prometheus reads it as soon as it is another file. */
async function writeTargets(file: string, targets: readonly string[]): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify([{ targets }]));
  await rename(`${file}.new`, file);
}
