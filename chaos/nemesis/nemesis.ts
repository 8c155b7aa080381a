import { setTimeout as sleep } from 'node:timers/promises';
import { toError } from '@fetchfleet/crawl';
import type { World } from '../fleet/world.ts';
import type { Planned, Step } from './plan.ts';

/** How often each fault was injected, by name. */
export type Tally = Map<string, number>;

/** Does what the plan says, until the time is over. Faults that have begun end then. */
export async function torment(
  world: World,
  plan: Generator<Step, never>,
  { untilMs, tally }: { readonly untilMs: number; readonly tally: Tally },
): Promise<void> {
  while (world.trace.nowMs < untilMs && !world.interrupted.aborted) {
    const { value: step } = plan.next();
    const leftMs = (): number => Math.max(0, untilMs - world.trace.nowMs);
    await Promise.all(
      step.faults.map(async (planned, at) => {
        await sleep(Math.min(leftMs(), at * step.offsetMs));
        await inflict(world, planned, { leftMs, tally });
      }),
    );
    await sleep(Math.min(leftMs(), step.restMs));
  }
}

async function inflict(
  world: World,
  { fault, dice, holdMs }: Planned,
  { leftMs, tally }: { readonly leftMs: () => number; readonly tally: Tally },
): Promise<void> {
  const { name, group } = fault;
  const span = world.timeline.begin(name, group);
  try {
    const heal = await fault.inject(world, dice);
    if (heal === undefined) {
      world.trace.note(`${name}: nothing to do`);
      world.timeline.spans.splice(world.timeline.spans.indexOf(span), 1);
      return;
    }
    tally.set(name, (tally.get(name) ?? 0) + 1);
    const stayMs = Math.min(holdMs, leftMs());
    world.trace.say(`${name} for ${(stayMs / 1000).toFixed(1)} s`);
    await sleep(stayMs);
    await heal();
    world.trace.note(`${name} is over`);
  } catch (error) {
    world.trace.breach('the suite works', `${name}: ${toError(error).stack}`);
  } finally {
    world.timeline.end(span);
  }
}
