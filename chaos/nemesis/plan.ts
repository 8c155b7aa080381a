import { type Random, seededRandom } from '../random.ts';
import type { Dice, Fault } from './fault.ts';

/** A fault to inject. */
export interface Planned {
  readonly fault: Fault;
  readonly dice: Dice;
  readonly holdMs: number;
}

/** One fault, or two at once, and the rest after them. */
export interface Step {
  readonly faults: readonly Planned[];
  /** How much later the second one begins. */
  readonly offsetMs: number;
  readonly restMs: number;
}

const SHARE_OF_PAIRS = 0.4;
const OFFSET_MS = 3_000;
const REST_MS = [500, 3_000] as const;

/**
 * What happens one after the other: the same for the same seed and the same faults. It has no end;
 * the time of the run decides how far it comes.
 */
export function* makePlan(seed: number, faults: readonly Fault[]): Generator<Step, never> {
  const random = seededRandom(seed);
  for (;;) {
    const first = random.weighted(faults);
    const others = faults.filter(({ group }) => group !== first.group);
    const isPair = random.next() < SHARE_OF_PAIRS && others.length > 0;
    const chosen = isPair ? [first, random.weighted(others)] : [first];
    const planned = chosen.map((fault) => plan(fault, random));
    const recoveryMs = isPair ? 0 : (first.recoveryMs ?? 0) - (planned[0]?.holdMs ?? 0);
    yield {
      faults: planned,
      offsetMs: random.between(0, OFFSET_MS),
      restMs: Math.max(random.between(...REST_MS), recoveryMs),
    };
  }
}

function plan(fault: Fault, random: Random): Planned {
  return {
    fault,
    dice: [random.next(), random.next(), random.next()],
    // Short faults are more frequent than long ones, as in life.
    holdMs: Math.round(fault.holdMs[0] + random.next() ** 2 * (fault.holdMs[1] - fault.holdMs[0])),
  };
}
