import { SliceClaims, PausedSlices } from '@fetchfleet/fleet';
import { ClaimLoop } from './slice/claim-loop.ts';
import type { Fetching } from './fetching.ts';
import type { Recording } from './recording.ts';
import { ScheduleLoop } from './schedule/schedule-loop.ts';
import { SliceProcessor } from './slice/slice-processor.ts';
import type { WorkerBase } from './worker-base.ts';

/** The parts of a worker that take work from the queue: slices, and ticks of schedules. */
export interface Claiming {
  readonly claims: SliceClaims;
  readonly loop: ClaimLoop;
  /** Absent where this worker leaves schedules to others. */
  readonly scheduler?: ScheduleLoop;
}

export function createClaiming(
  base: WorkerBase,
  recording: Recording,
  fetching: Fetching,
): Claiming {
  const { settings, permits, progress, presence } = base;
  const claims = createClaims(base);
  const processor = createProcessor(base, recording, fetching);
  const onError = (error: Error): void => presence.failed(error);
  const loop = new ClaimLoop({
    claims,
    permits,
    process: async (claim, asked) => processor.process(claim, asked),
    heartbeat: progress.claimed,
    onError,
  });
  if (!settings.schedules) return { claims, loop };
  const scheduler = new ScheduleLoop({
    redis: base.queueRedis,
    keys: base.keys,
    worker: base.id,
    ledger: recording.ledger,
    queue: fetching.queue,
    fetcher: fetching.fetcher,
    log: base.log,
    onError,
  });
  return { claims, loop, scheduler };
}

function createClaims({ id, queueRedis, keys, metrics, presence, log }: WorkerBase): SliceClaims {
  return new SliceClaims({
    redis: queueRedis,
    keys,
    worker: id,
    onError: (error) => presence.failed(error),
    onStalled: (slice) => {
      metrics.sliceStalls.inc();
      const batch = slice.slice(0, slice.lastIndexOf('.'));
      log.warn({ batch, slice }, 'slice of a vanished worker queued again');
    },
  });
}

function createProcessor(
  { id, redis, keys, settings, metrics, log, draining, expired }: WorkerBase,
  { ledger, batches, batchLog, recorder }: Recording,
  { schedulers, robots, fetcher }: Fetching,
): SliceProcessor {
  return new SliceProcessor({
    worker: id,
    schedulers,
    robots,
    fetcher,
    maxRetryAfterMs: settings.maxRetryAfter,
    recorder,
    metrics,
    draining: draining.signal,
    expired: expired.signal,
    batches,
    ledger,
    pausedSlices: new PausedSlices(redis, keys),
    log,
    onTaken: (batch) => batchLog.taken(batch),
  });
}
