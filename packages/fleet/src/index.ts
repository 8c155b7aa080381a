export { type BatchState, type BatchStatus } from './batch-status.ts';
export { expandBatch, type ExpandBatchOptions } from './expand-batch.ts';
export { ExpansionLease, LEASE_PATIENCE_MS } from './expansion-lease.ts';
export {
  type Arrival,
  type BatchLimits,
  Gate,
  type GateAnswer,
  type GateState,
  NOTHING_ENDED,
  type OriginReport,
  type Parked,
} from './gate.ts';
export { GateNews } from './gate-news.ts';
export { FleetOverview, type FleetSnapshot } from './fleet-overview.ts';
export { type FleetKeys, fleetKeys } from './keys.ts';
export {
  type BatchRegistration,
  Ledger,
  type OpenBatch,
  type Settlement,
  UnknownBatchError,
} from './ledger.ts';
export type { OriginStatus } from './origin-status.ts';
export { Origins, type OriginSettings } from './origins.ts';
export {
  connectRedis,
  openRedis,
  parseRedisUrl,
  redactRedisUrl,
  RedisUnreachableError,
  RedisUrlError,
} from './redis.ts';
export { type MeasuredCrawl, registerBatch } from './register-batch.ts';
export { RobotsStore, type StoredRobots } from './robots-store.ts';
export { ClaimLostError, type ClaimedSlice, SliceClaims } from './slice-claims.ts';
export { sliceId, SliceQueue } from './slice-queue.ts';
export { type WorkerInfo, type WorkerReport, Workers } from './workers.ts';
export {
  type Overlap,
  OVERLAPS,
  type Schedule,
  type ScheduleRun,
  type ScheduleSpec,
} from './schedule.ts';
export { nextTick, problemOfCron, problemOfTimeZone } from './schedule-cron.ts';
export { readLists, ScheduleLists, type StorableCrawl } from './schedule-lists.ts';
export { ScheduleQueue } from './schedule-queue.ts';
export { type RunAttempt, ScheduleWorker } from './schedule-worker.ts';
export { type Decision, type PutResult, Schedules } from './schedules.ts';
export { SliceParking } from './slice-parking.ts';
export { BatchRemoval } from './batch-removal.ts';
