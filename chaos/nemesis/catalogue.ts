import { CLOCK_FAULTS } from './clock-faults.ts';
import { COMMANDS } from './command-faults.ts';
import type { Fault } from './fault.ts';
import { ORIGIN_FAULTS } from './origin-faults.ts';
import { PROCESS_FAULTS, PRODUCER_FAULTS } from './process-faults.ts';
import { REDIS_FAULTS } from './redis-faults.ts';
import { RESULTS_FAULTS } from './results-faults.ts';

/** All that the nemesis does. */
export const FAULTS: readonly Fault[] = [
  ...PROCESS_FAULTS,
  ...PRODUCER_FAULTS,
  ...REDIS_FAULTS,
  ...RESULTS_FAULTS,
  ...ORIGIN_FAULTS,
  ...CLOCK_FAULTS,
  ...COMMANDS,
];
