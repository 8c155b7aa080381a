import { once } from 'node:events';
import { ftruncateSync, openSync, writeSync } from 'node:fs';
import { toError } from '@fetchfleet/crawl';
import * as fc from 'fast-check';
import { TARGETS } from './catalogue.ts';
import { holds, type Probe, type Target } from './target.ts';
import type { Answer, Order } from './turn.ts';

/** Time for a smaller input that fails as well. */
const SHRINK_MS = 45_000;

/** The process of one turn: checks inputs of one target and answers with what it found. */
async function main(order: Order): Promise<void> {
  const target = TARGETS.find(({ name }) => name === order.target);
  if (target === undefined) {
    throw new Error(`there is no target ${order.target}`);
  }
  const probe = await target.open({ folder: order.folder });
  const checks = new Checks(target, probe, order.inputFile);
  const answer = await search(checks, probe, order);
  await checks.ended();
  await probe.close?.();
  await new Promise<void>((sent, failed) => {
    process.send?.(answer, (error: Error | null) => (error === null ? sent() : failed(error)));
  });
}

async function search(
  checks: Checks,
  { arbitrary }: Probe<unknown>,
  { seed, path, runs, durationMs }: Order,
): Promise<Answer> {
  const property = fc.asyncProperty(arbitrary, async (input) => checks.check(input));
  const found = await fc.check(property, {
    seed,
    ...(path !== undefined && { path }),
    numRuns: runs,
    endOnFailure: true,
    interruptAfterTimeLimit: durationMs,
    markInterruptAsFailure: false,
  });
  if (!found.failed || found.counterexamplePath === null) {
    return { runs: found.numRuns };
  }
  await checks.ended();
  // Looks for smaller ones only now, in a time of its own.
  const smaller = await fc.check(property, {
    seed,
    path: found.counterexamplePath,
    numRuns: 1,
    interruptAfterTimeLimit: SHRINK_MS,
    markInterruptAsFailure: false,
  });
  const best = smaller.failed ? smaller : found;
  return {
    runs: found.numRuns,
    failure: {
      path: best.counterexamplePath ?? found.counterexamplePath,
      counterexample: fc.stringify(best.counterexample?.[0]),
      error: textOf(best.errorInstance),
    },
  };
}

/** The checks of a turn: writes down each input first, and bounds the CPU time of its check. */
class Checks {
  readonly #target: Target;
  readonly #probe: Probe<unknown>;
  readonly #file: number;
  #running: Promise<void> = Promise.resolve();

  constructor(target: Target, probe: Probe<unknown>, inputFile: string) {
    this.#target = target;
    this.#probe = probe;
    this.#file = openSync(inputFile, 'w');
  }

  async check(input: unknown): Promise<void> {
    this.#running = this.#check(input);
    return this.#running;
  }

  /** When its time is over, fast-check does not wait for the input that is checked. */
  async ended(): Promise<void> {
    await Promise.allSettled([this.#running]);
  }

  async #check(input: unknown): Promise<void> {
    ftruncateSync(this.#file, 0);
    writeSync(this.#file, fc.stringify(input), 0);
    const before = process.cpuUsage();
    await this.#probe.check(input);
    const { user, system } = process.cpuUsage(before);
    const ms = Math.round((user + system) / 1000);
    const { cpuMs } = this.#target;
    holds(ms <= cpuMs, `an input takes ${cpuMs} ms of CPU time at most`, { ms });
  }
}

function textOf(error: unknown): string {
  const { stack, message } = toError(error);
  return stack ?? message;
}

// A turn does not outlive the run that it belongs to.
process.once('disconnect', () => process.exit());
// An error that nobody awaits ends the process: the parent reports it with the last input.
const [order] = await once(process, 'message');
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the parent has sent
await main(order as Order);
// A client that is still open would keep it alive.
process.exit();
