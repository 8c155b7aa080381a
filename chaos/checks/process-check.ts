import type { World } from '../fleet/world.ts';
import type { Span } from '../model/timeline.ts';

/** How long after a fault a worker may still end because of it. */
const AFTERMATH_MS = 60_000;

/** Exit statuses (docs/operations.md, "Stop, restart, upgrade"), and what excuses them. */
const EXCUSES: Readonly<Record<number, (fault: Span) => boolean>> = {
  // The results folder cannot be written, or another one is there.
  3: ({ group }) => group === 'results' || group === 'redis',
  // It was stuck, and new connections to Redis did not help.
  4: ({ group }) => group === 'redis',
};

/** Workers are alive unless they had a reason to end that the docs name. */
export function checkWorkers({ slots, trace, timeline }: World): void {
  for (const slot of slots) {
    for (const { at, code } of slot.crashes.splice(0)) {
      const excuse = EXCUSES[code ?? -1];
      const faults = timeline.during(at - AFTERMATH_MS, at);
      if (excuse === undefined || !faults.some(excuse)) {
        trace.breach('workers are alive', `${slot.name} ended with exit status ${code}`);
      }
    }
    if (slot.pid === undefined) {
      trace.breach('workers are alive', `${slot.name} is not there`);
    }
  }
}
