import { fileURLToPath } from 'node:url';
import { fleetKeys, SliceQueue } from '@fetchfleet/fleet';
import { eventually, startProcess } from '@fetchfleet/testing';
import { BenchFleet } from '../bench-fleet.ts';
import type { BenchContext } from '../context.ts';
import { enqueueBatch } from '../enqueue-batch.ts';
import type { SmallCase } from '../simulation/small-cases.ts';
import { type CaseResult, paceOf } from './case-result.ts';

/** The addresses of the origins: 127.BLOCK.ROW.HOST. Every run has origins that are new. */
const HOSTS_PER_ROW = 250;
/** How often the time of a kill is looked for. */
const LOOK_MS = 20;
const WARM_UP: Omit<SmallCase, 'workers' | 'concurrency'> = {
  name: 'warm-up',
  fetches: Array.from({ length: 10 }, () => 200),
  latencyMs: 5,
};

/** Runs cases with real workers, one after the other. */
export class RealCases {
  readonly #context: BenchContext;
  readonly #port: string;
  #block = 0;

  private constructor(context: BenchContext, port: string) {
    this.#context = context;
    this.#port = port;
  }

  /** Starts the origins, which are stopped at the end of the benchmark. */
  static async start(context: BenchContext): Promise<RealCases> {
    const server = fileURLToPath(new URL('./case-origin.ts', import.meta.url));
    const running = await startProcess('node', [server]);
    context.onEnd(async () => running.kill('SIGTERM'));
    const [, port = ''] = await running.waitForLine(/listening on (\d+)/);
    return new RealCases(context, port);
  }

  /** Starts a fleet of its own for the case, and ends when the batch is finished. */
  async run(given: SmallCase): Promise<CaseResult> {
    const { workers, concurrency } = given;
    const redis = await this.#context.redis();
    const fleet = await BenchFleet.start(this.#context, { redis, workers, concurrency });
    const queue = new SliceQueue(fleet.client, fleetKeys(fleet.name));
    this.#context.onEnd(async () => queue.stop());
    const target = { ledger: fleet.ledger, queue };
    // Code is compiled and connections to Redis are open before the case begins.
    await this.#fetchAll(fleet, target, { ...WARM_UP, workers, concurrency });
    await this.#control({ fault: given.fault });
    return this.#fetchAll(fleet, target, given);
  }

  async #fetchAll(
    fleet: BenchFleet,
    target: Parameters<typeof enqueueBatch>[0],
    given: SmallCase,
  ): Promise<CaseResult> {
    this.#block += 1;
    const id = `case-${this.#block}`;
    await enqueueBatch(target, id, this.#crawlText(given));
    if (given.killAtSeconds !== undefined) {
      const killAtMs = given.killAtSeconds * 1000;
      await eventually(async () => this.#isRunningFor(killAtMs), { intervalMs: LOOK_MS });
      await fleet.workers[0]?.kill('SIGKILL');
    }
    await fleet.finished(id);
    const { ok, total, seconds } = await fleet.times(id);
    if (ok !== total) {
      throw new Error(`${given.name}: only ${ok} of ${total} succeeded`);
    }
    return { seconds, pace: paceOf(await this.#arrivals()) };
  }

  async #isRunningFor(ms: number): Promise<boolean> {
    const arrivals = await this.#arrivals();
    return (arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0) >= ms;
  }

  async #control(body: unknown): Promise<void> {
    await fetch(`http://127.0.0.1:${this.#port}/case`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
  }

  async #arrivals(): Promise<number[]> {
    const reply = await fetch(`http://127.0.0.1:${this.#port}/case`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- from our own server
    return (await reply.json()) as number[];
  }

  #crawlText({ fetches, latencyMs, rate, inFlight }: SmallCase): string {
    const urls = Array.from(fetches, Number).flatMap((count, origin) => {
      const row = Math.floor(origin / HOSTS_PER_ROW);
      const host = `127.${this.#block}.${row}.${1 + (origin % HOSTS_PER_ROW)}:${this.#port}`;
      return Array.from({ length: count }, (_, at) => `  - http://${host}/d${latencyMs}/${at}`);
    });
    return `
name: case
urls:
${urls.join('\n')}
politeness:
  rate: ${rate === undefined ? 'unlimited' : `${rate}/s`}
  concurrency: ${inFlight ?? 'unlimited'}
  robots: ignore
retry: { attempts: 10, backoff: 100ms, maxBackoff: 200ms }
network: { allowPrivate: true }
`;
  }
}
