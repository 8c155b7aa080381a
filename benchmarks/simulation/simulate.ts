import { FleetModel, type OnStarts, type Step } from './fleet-model.ts';
import type { Scenario } from './scenario.ts';

/** Fetches per second, workers and Redis over time are kept for this many spans. */
const SPANS = 48;
/** The last records of a batch are written and settled. */
const SETTLE_SECONDS = 0.05;

/** Means over one span of a simulation. */
export interface Span {
  /** In seconds. */
  readonly end: number;
  readonly pace: number;
  readonly inFlight: number;
  readonly workerCores: number;
  readonly redisCores: number;
}

export interface Simulated {
  readonly fetches: number;
  readonly done: number;
  /** The largest number of fetches that waited in Redis. */
  readonly mostPending: number;
  /** When the last record was written, in seconds; undefined if the horizon came first. */
  readonly finishedAt: number | undefined;
  /** Fetches per second between the first quarter of all fetches and the last, if they ended. */
  readonly pace: number | undefined;
  /** Requests that failed or were refused at an origin that was down or wanted a rest. */
  readonly wasted: number;
  /** Requests that were made again, because a worker died. */
  readonly repeated: number;
  /** The longest that an origin which might have started something got nothing, in seconds. */
  readonly longestWait: number;
  /** Origins with fetches left at the end, and these fetches. */
  readonly unfinishedOrigins: number;
  readonly unfinishedFetches: number;
  /** Share of what limits allow, and there is to fetch, that workers and Redis leave. */
  readonly used: Load;
  /** Shares of what there is: of the places in flight, of the cores of workers, of one Redis. */
  readonly places: Load;
  readonly workers: Load;
  readonly busiestShard: Load;
  readonly spans: readonly Span[];
}

/** As a share: 1 is all that there is. */
interface Load {
  readonly mean: number;
  readonly peak: number;
}

/** Runs a scenario to its end. The same scenario and seed always give the same result. */
export function simulate(scenario: Scenario, onStarts?: OnStarts): Simulated {
  const model = new FleetModel(scenario);
  const steps: Step[] = [];
  let mostPending = 0;
  while (!model.isFinished && model.now < scenario.horizonSeconds) {
    steps.push(model.step(onStarts));
    mostPending = Math.max(mostPending, model.arrived - model.done);
  }
  const { origins, concurrency } = scenario;
  const fetches = origins.fetches.reduce((sum, own) => sum + own, 0);
  const unfinished = unfinishedOf(model, origins.fetches.length);
  const last = steps.findLast(({ started }) => started > 0)?.end ?? 0;
  return {
    fetches,
    done: model.done,
    mostPending,
    finishedAt: model.isFinished ? last + model.lastLatency + SETTLE_SECONDS : undefined,
    pace: model.isFinished ? middlePace(steps, fetches) : undefined,
    wasted: model.wasted,
    repeated: model.repeated,
    longestWait: model.longestWait,
    unfinishedOrigins: unfinished,
    unfinishedFetches: fetches - model.done,
    used: loadOf(steps, ({ started, allowed }) => (allowed === 0 ? 1 : started / allowed)),
    places: loadOf(steps, ({ inFlight, alive }) => inFlight / Math.max(1, alive * concurrency)),
    workers: loadOf(steps, ({ workerCores, alive }) => workerCores / Math.max(1, alive)),
    busiestShard: loadOf(steps, ({ busiestShard }) => busiestShard),
    spans: spansOf(steps, scenario.stepSeconds),
  };
}

function unfinishedOf(model: FleetModel, origins: number): number {
  let count = 0;
  for (let origin = 0; origin < origins; origin++) {
    count += model.pending(origin) > 0 ? 1 : 0;
  }
  return count;
}

function middlePace(steps: readonly Step[], fetches: number): number {
  const [from, to] = [fetches / 4, (3 * fetches) / 4];
  let [started, fromAt, toAt] = [0, 0, 0];
  for (const step of steps) {
    const before = started;
    started += step.started;
    fromAt = before < from ? step.end : fromAt;
    toAt = before < to ? step.end : toAt;
  }
  return (to - from) / (toAt - fromAt);
}

function loadOf(steps: readonly Step[], of: (step: Step) => number): Load {
  const loads = steps.map(of);
  const sum = loads.reduce((all, own) => all + own, 0);
  return {
    mean: steps.length === 0 ? 0 : sum / steps.length,
    peak: loads.reduce((most, own) => Math.max(most, own), 0),
  };
}

function spansOf(steps: readonly Step[], stepSeconds: number): Span[] {
  const size = Math.max(1, Math.ceil(steps.length / SPANS));
  return Array.from({ length: Math.ceil(steps.length / size) }, (_, at) => {
    const own = steps.slice(at * size, (at + 1) * size);
    const mean = (of: (step: Step) => number): number =>
      own.reduce((sum, step) => sum + of(step), 0) / own.length;
    return {
      end: own.at(-1)?.end ?? 0,
      pace: mean(({ started }) => started) / stepSeconds,
      inFlight: mean(({ inFlight }) => inFlight),
      workerCores: mean(({ workerCores }) => workerCores),
      redisCores: mean(({ redisCores }) => redisCores),
    };
  });
}
