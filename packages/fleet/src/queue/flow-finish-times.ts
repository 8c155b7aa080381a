import { MAX_SLICE } from '@fetchfleet/crawl';

/**
 * A batch of many origins weighs as much as one of this many: it cannot crowd out a small batch.
 */
const MAX_WEIGHT = 4;
const MAX_FLOWS = 100_000;
const MAX_BATCHES = 1_000;

/**
 * Virtual finish times (self-clocked fair queueing, Golestani 1994). A flow is the fetches of one
 * batch at one origin:
 *
 *     start  = max(virtual time, finish of the flow's last slice)
 *     finish = start + cost / 50 × max(1, queued origins of the batch / 4)
 *
 * Slices are claimed in the order of `finish`, and the virtual time is the finish time of the slice
 * claimed last. So flows take turns of 50 fetches each, a new flow starts where the others are, and
 * a flow saves up no turns while it has nothing queued.
 *
 * Only flows ahead of the virtual time are kept; every other flow starts at the virtual time
 * anyway.
 */
export class FlowFinishTimes {
  readonly #maxFlows: number;
  /** Finish times by batch, then origin. The flow that was changed last comes last. */
  readonly #batches = new Map<string, Map<string, number>>();

  /**
   * @param maxFlows flows kept for a batch. A flow beyond it starts at the virtual time again,
   *   which gives it one turn more. @default 100,000
   */
  constructor(maxFlows = MAX_FLOWS) {
    this.#maxFlows = maxFlows;
  }

  /** Flows that are kept. */
  get size(): number {
    return [...this.#batches.values()].reduce((sum, flows) => sum + flows.size, 0);
  }

  /**
   * The finish time of the next slice of a flow.
   *
   * @param cost its fetches, divided by the share of its batch
   */
  next(batch: string, origin: string, cost: number, now: number): number {
    const flows = this.#flowsOf(batch);
    const start = Math.max(now, flows.get(origin) ?? 0);
    flows.delete(origin);
    const weight = Math.max(1, (flows.size + 1) / MAX_WEIGHT);
    const finish = start + (cost / MAX_SLICE) * weight;
    flows.set(origin, finish);
    return finish;
  }

  /** Drops flows behind the virtual time, and the oldest of too many. One call for many slices. */
  forget(now: number): void {
    for (const [batch, flows] of this.#batches) {
      for (const [origin, finish] of flows) {
        if (finish > now && flows.size <= this.#maxFlows) {
          break;
        }
        flows.delete(origin);
      }
      if (flows.size === 0 || this.#batches.size > MAX_BATCHES) {
        this.#batches.delete(batch);
      }
    }
  }

  clear(): void {
    this.#batches.clear();
  }

  #flowsOf(batch: string): Map<string, number> {
    const known = this.#batches.get(batch);
    if (known !== undefined) {
      return known;
    }
    const flows = new Map<string, number>();
    this.#batches.set(batch, flows);
    return flows;
  }
}
