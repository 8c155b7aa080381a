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
