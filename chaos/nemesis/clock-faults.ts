import { writeFile } from 'node:fs/promises';
import type { Fault } from './fault.ts';

/** A worker whose wall clock jumps while it runs. */
export const CLOCK_FAULTS: readonly Fault[] = [
  clockFault('clock-ahead', 'the clock of a worker jumps an hour ahead', '+3600'),
  clockFault('clock-behind', 'the clock of a worker jumps an hour back', '-3600'),
];

function clockFault(name: string, title: string, offset: string): Fault {
  return {
    name,
    title,
    group: 'clock',
    weight: 2,
    holdMs: [3_000, 20_000],
    impossible: ({ clock }) =>
      clock === undefined ? 'needs libfaketime (apt: faketime)' : undefined,
    inject: async ({ clock }) => {
      if (clock === undefined) {
        return undefined;
      }
      await writeFile(clock.file, offset);
      return async () => writeFile(clock.file, '+0');
    },
  };
}
