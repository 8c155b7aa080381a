import type { ResultsDisk } from '../fleet/results-disk.ts';
import { type Fault, type Heal, NOTHING } from './fault.ts';

const HOLD_MS = [1_000, 12_000] as const;

/** What happens to the results folder. */
export const RESULTS_FAULTS: readonly Fault[] = [
  resultsFault('results-full', 'the disk of the results is full', async (disk) => disk.fill()),
  resultsFault('results-read-only', 'no new file can be written', async (disk) =>
    disk.forbidWriting(),
  ),
  {
    name: 'results-swapped',
    title: 'another folder is in place of the results',
    group: 'results',
    weight: 2,
    holdMs: HOLD_MS,
    // Version 0.1 wrote into whatever folder was there.
    inject: async ({ disk, slots }) =>
      slots.every(({ release }) => release === undefined) ? disk.swap() : undefined,
  },
  {
    name: 'records-lost',
    title: 'somebody removes records: no fleet survives that, and the checks have to find it',
    group: 'results',
    weight: 0,
    holdMs: [0, 0],
    inject: async ({ disk }) => ((await disk.lose()) ? NOTHING : undefined),
  },
];

function resultsFault(
  name: string,
  title: string,
  inject: (disk: ResultsDisk) => Promise<Heal>,
): Fault {
  return {
    name,
    title,
    group: 'results',
    weight: 2,
    holdMs: HOLD_MS,
    impossible: ({ disk }) =>
      disk.isSmall ? undefined : 'needs mounts of its own: root, or user namespaces',
    inject: async ({ disk }) => inject(disk),
  };
}
