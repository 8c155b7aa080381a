/** See the state machine of `FleetWorker`. */
export type WorkerState = 'starting' | 'ready' | 'draining' | 'forced' | 'stopped';

/** Whether the worker ends: it claims nothing more. */
export function isEnding(state: WorkerState): boolean {
  return state === 'draining' || state === 'forced' || state === 'stopped';
}
