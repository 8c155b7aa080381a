import { type Fault, NO_COST, type Origins, type Scenario } from './scenario.ts';
import type { SmallCase } from './small-cases.ts';

const HORIZON_SECONDS = 600;
const STEP_SECONDS = 0.1;
/** The largest slice, and the number of slices that a small batch is cut into. */
const MAX_SLICE = 50;
const SLICES = 64;

/** A case as a scenario of the simulation. */
export function scenarioOf(given: SmallCase): Scenario {
  const fetches = Int32Array.from(given.fetches);
  const total = fetches.reduce((sum, own) => sum + own, 0);
  const { workers, concurrency, killAtSeconds } = given;
  return {
    origins: originsOf(fetches, given),
    workers,
    concurrency,
    rounds: 1,
    periodSeconds: 0,
    horizonSeconds: HORIZON_SECONDS,
    stepSeconds: STEP_SECONDS,
    faults: faultsOf(fetches.length, given),
    deaths: killAtSeconds === undefined ? [] : [{ at: killAtSeconds, replacedAfter: Infinity }],
    sliceSize: Math.min(MAX_SLICE, Math.max(1, Math.floor(total / SLICES))),
    shards: 1,
    workerCost: NO_COST,
    redisCost: NO_COST,
    seed: 1,
  };
}

function originsOf(fetches: Int32Array, { rate, inFlight, latencyMs }: SmallCase): Origins {
  const column = (value: number): Float64Array => new Float64Array(fetches.length).fill(value);
  return {
    fetches,
    spacing: column(rate === undefined ? 0 : 1 / rate),
    inFlight: column(inFlight ?? 0),
    latency: column(latencyMs / 1000),
  };
}

function faultsOf(origins: number, { fault }: SmallCase): Fault[] {
  if (fault === undefined) {
    return [];
  }
  const { kind, atSeconds: at, forSeconds: seconds } = fault;
  return Array.from({ length: origins }, (_, origin) => ({ kind, origin, at, seconds }));
}
