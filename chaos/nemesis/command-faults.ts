import { checkBatch } from '../checks/batch-check.ts';
import { CLASSES } from '../origin/origins.ts';
import type { World } from '../fleet/world.ts';
import type { Wanted } from '../model/batches.ts';
import { chosen, type Dice, type Fault, type Heal, NOTHING } from './fault.ts';

/** What people do while everything else goes on. */
export const COMMANDS: readonly Fault[] = [
  commandFault('pause', 'pause of a batch, and resume', 3, async (world, [die]) => {
    const id = chosen(world.batches.idsThatAre('running'), die);
    return id === undefined ? undefined : change(world, 'pause', id, 'paused');
  }),
  commandFault('resume', 'resume of any batch', 3, async (world, [die]) => {
    const id = chosen(world.batches.idsThatAre('running', 'paused', 'cancelled'), die);
    return id === undefined ? undefined : change(world, 'resume', id, 'running');
  }),
  commandFault('cancel', 'cancel of a batch', 2, async (world, [die]) => {
    const id = chosen(world.batches.idsThatAre('running', 'paused'), die);
    return id === undefined ? undefined : change(world, 'cancel', id, 'cancelled');
  }),
  commandFault('retry', 'retry of the failures of a batch', 3, async (world, [die]) => {
    const id = chosen(world.batches.idsThatAre('running'), die);
    if (id === undefined) {
      return undefined;
    }
    await world.command('retry', id);
    return NOTHING;
  }),
  commandFault('prune', 'prune of a finished batch', 2, async (world, [die]) => {
    const id = chosen(await world.finishedIds(), die);
    // What is pruned cannot be checked at the end.
    if (id === undefined || !(await checkBatch(world, id))) {
      return undefined;
    }
    await world.prune(id);
    return NOTHING;
  }),
  {
    ...commandFault('origins-set', 'another limit for an origin', 3, setLimit),
    holdMs: [4_000, 12_000],
  },
  commandFault('schedule-now', 'schedule run-now', 2, async (world) => {
    await world.command('schedule', 'run-now', 'ticking');
    return NOTHING;
  }),
];

function commandFault(
  name: string,
  title: string,
  weight: number,
  inject: (world: World, dice: Dice) => Promise<Heal | undefined>,
): Fault {
  return { name, title, group: 'command', weight, holdMs: [0, 4_000], inject };
}

/** A command that fails may have done its work before: the end of the run makes it certain. */
async function change(world: World, command: string, id: string, wanted: Wanted): Promise<Heal> {
  await world.command(command, id);
  world.batches.want(id, wanted);
  return NOTHING;
}

/** A rate from half to twice that of the crawl files, for a while. */
async function setLimit(world: World, [first, second]: Dice): Promise<Heal | undefined> {
  const originClass = CLASSES.find(({ name }) => name === 'paced');
  const host = chosen(originClass?.hosts ?? [], first);
  if (originClass?.limits.rate === undefined || host === undefined) {
    return undefined;
  }
  const limits = {
    ...originClass.limits,
    rate: Math.round(originClass.limits.rate * (0.5 + 1.5 * second)),
  };
  world.limits.begin(host, limits);
  const origin = world.originOf(host);
  const set = await world.command('origins', 'set', origin, '--rate', `${limits.rate}/s`);
  if (set.code === 0) {
    world.limits.confirm(host);
  }
  return async () => world.unsetLimit(host);
}
