import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../fleet/world.ts';
import type { WorkerSlot } from '../fleet/worker-slot.ts';
import { nowEpochMs } from '../model/timeline.ts';
import { chosen, type Fault, type Heal } from './fault.ts';

/** Workers that are killed, stand still, are replaced. */
export const PROCESS_FAULTS: readonly Fault[] = [
  {
    name: 'worker-kill',
    title: 'SIGKILL of a worker',
    group: 'process',
    weight: 6,
    holdMs: [500, 18_000],
    recoveryMs: 18_000,
    inject: async (world, [die]) => {
      const slot = running(world, die);
      if (slot === undefined) {
        return undefined;
      }
      world.kills.push({ at: nowEpochMs(), worker: slot.name });
      world.trace.note(`${slot.name} (${slot.pid}) is killed`);
      await slot.kill();
      return async () => slot.start();
    },
  },
  {
    name: 'worker-stop',
    title: 'SIGSTOP of a worker',
    group: 'process',
    weight: 5,
    holdMs: [500, 25_000],
    inject: async (world, [die]) => {
      const slot = running(world, die);
      slot?.signal('SIGSTOP');
      return slot && (async () => slot.signal('SIGCONT'));
    },
  },
  {
    name: 'worker-term',
    title: 'SIGTERM of a worker, and another one',
    group: 'process',
    weight: 4,
    holdMs: [0, 3_000],
    inject: async (world, [die]) => {
      const slot = running(world, die);
      return slot && replace(world, slot);
    },
  },
  {
    name: 'worker-upgrade',
    title: 'the worker of the last release is replaced by the one of this',
    group: 'process',
    weight: 8,
    holdMs: [0, 3_000],
    impossible: ({ options }) =>
      options.previous === undefined ? 'needs --previous with a built clone' : undefined,
    inject: async (world) => {
      const slot = world.slots.find(({ release }) => release !== undefined);
      if (slot !== undefined) {
        slot.release = undefined;
        return replace(world, slot);
      }
      // The producer comes last (docs/operations.md, "Stop, restart, upgrade").
      if (world.release === undefined) {
        return undefined;
      }
      world.release = undefined;
      return async () => void (await world.addSchedule());
    },
  },
];

function running({ slots }: World, die: number): WorkerSlot | undefined {
  return chosen(
    slots.filter(({ pid }) => pid !== undefined),
    die,
  );
}

/** Drains the worker. A worker that does not end in time has broken its promise. */
async function replace({ trace }: World, slot: WorkerSlot): Promise<Heal> {
  const tookMs = await slot.stop();
  if (tookMs === undefined) {
    trace.breach('stops in time', `${slot.name} did not end after SIGTERM`);
  }
  return async () => slot.start();
}

/** What happens to a producer in the middle of its work. */
function producerFault(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGTERM', weight: number): Fault {
  return {
    name: `producer-${signal.slice(3).toLowerCase()}`,
    title: `${signal} of a producer that enqueues`,
    group: 'producer',
    weight,
    holdMs: signal === 'SIGSTOP' ? [1_000, 12_000] : [0, 4_000],
    inject: async (world, [die]) => {
      const { started, running: producer } = await world.beginBatch();
      await untilItWorks(world, started.crawl.name, producer.exit);
      await sleep(die * 150);
      producer.signal(signal);
      return async () => {
        producer.signal('SIGCONT');
        await world.endBatch(started, producer);
      };
    },
  };
}

const POLL_MS = 10;
const PATIENCE_MS = 5_000;

/** Until the batch is registered, the producer has ended, or Redis does not say. */
async function untilItWorks(world: World, name: string, exit: Promise<unknown>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  const isOver = exit.then(() => true);
  while (performance.now() < deadline && (await world.knownIds(name)).length === 0) {
    if (await Promise.race([isOver, sleep(POLL_MS, false)])) {
      return;
    }
  }
}

export const PRODUCER_FAULTS: readonly Fault[] = [
  producerFault('SIGKILL', 4),
  producerFault('SIGSTOP', 2),
  producerFault('SIGTERM', 2),
];
