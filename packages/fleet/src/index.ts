export type { KnownAnswers } from './queue/enqueue.ts';
export { type AttemptCounts, countAttempts } from './ledger/attempt-counts.ts';
export { type BatchState, type BatchStatus, durationMs } from './ledger/batch-status.ts';
export {
  BatchExpansion,
  type ExpansionTrace,
  type KnownBatch,
  type MeasuredCrawl,
  type RetryResult,
} from './batch/batch-expansion.ts';
export {
  type Arrival,
  type BatchLimits,
  Gate,
  type GateAnswer,
  type GateState,
  EMPTY_REPORT,
  type OriginReport,
  type Deferred,
} from './gate/gate.ts';
export { GateNotifications } from './gate/notifications.ts';
export { LEASE_MS } from './gate/protocol.ts';
export { Waitlist } from './gate/waitlist.ts';
export { FleetOverview, type FleetSnapshot } from './workers/fleet-overview.ts';
export {
  FLEET_NAME_RULE,
  type FleetKeys,
  fleetKeys,
  isFleetName,
  type ShardKeys,
} from './redis/keys.ts';
export { idInShard, MAX_SHARDS } from './redis/shard-names.ts';
export { readShards, ShardsError, ShardsWatch } from './shards/shards.ts';
export {
  type BatchRegistration,
  Ledger,
  type OpenBatch,
  type Settlement,
} from './ledger/ledger.ts';
export { LedgerReader, type ResultsFolder } from './ledger/ledger-reader.ts';
export { withoutLocalLists } from './ledger/stored-crawl.ts';
export { type OnPassedOver, StoredStateError } from './redis/stored-state.ts';
export { UnknownBatchError } from './ledger/unknown-batch-error.ts';
export type { OriginStatus } from './origins/origin-status.ts';
export type { OriginSettings } from './origins/change-origin.ts';
export type { KnownRobots, OriginDetail, OriginEvent } from './origins/origin-detail.ts';
export { HeldSlices } from './origins/held-slices.ts';
export type { OriginHour, OriginWork } from './origins/origin-work.ts';
export { Origins } from './origins/origins.ts';
export { tryOrigin, type TriedOrigin } from './origins/try-origin.ts';
export {
  checkRedis,
  checkWrites,
  evictionWarning,
  persistenceWarning,
  modeOf,
  readRedisInfo,
} from './redis/check-redis.ts';
export { timeOf } from './redis/servers.ts';
export { lackedPermissions } from './redis/permissions.ts';
export { CLOCK_TOLERANCE_MS, type ClockReading, readClock } from './redis/redis-clock.ts';
export { connectRedis, openProbe, openRedis, RedisUnreachableError } from './redis/connection.ts';
export { isRefusal, RedisRefusedError, RedisUnfitError } from './redis/redis-refusal.ts';
export { type RedisAddress, RedisUrlError } from './redis/redis-address.ts';
export { type RedisAccess, redisAccess } from './redis/redis-access.ts';
export { parseRedisUrl, redactRedisUrl } from './redis/redis-url.ts';
export { isRedisError, isRedisReply, refusalCodeOf } from './redis/redis-error.ts';
export { RobotsStore, type StoredRobots } from './origins/robots-store.ts';
export { ClaimLostError } from './claims/claim-lost-error.ts';
export type { ClaimedSlice } from './claims/claimed-slice.ts';
export { SliceClaims } from './claims/slice-claims.ts';
export { SlicePartition } from './claims/slice-partition.ts';
export { sliceId, SliceQueue } from './queue/slice-queue.ts';
export { type WorkerInfo, type WorkerReport, Workers } from './workers/workers.ts';
export {
  type Overlap,
  OVERLAPS,
  type Schedule,
  type ScheduleRun,
  type ScheduleSpec,
} from './schedule/schedule.ts';
export { nextTick, problemOfCron, problemOfTimeZone } from './schedule/cron.ts';
export { readLists, ScheduleLists, type StorableCrawl } from './schedule/list-store.ts';
export { TickQueue } from './schedule/tick-queue.ts';
export { type RunAttempt, TickConsumer } from './schedule/tick-consumer.ts';
export { type Decision, type PutResult, ScheduleStore } from './schedule/schedule-store.ts';
export { hasNoRoom, type RedisMemory, readRedisMemory } from './queue/redis-memory.ts';
export { PausedSlices } from './queue/paused-slices.ts';
export type { BatchEvent } from './ledger/batch-events.ts';
export type { Receiver } from './ledger/notify-field.ts';
export { Outbox, type TakenEntry } from './notify/outbox.ts';
export { type OutboxEntry, placeOfReceiver } from './notify/outbox-entry.ts';
export { mayBePruned } from './batch/may-be-pruned.ts';
export { MAX_KEPT, MAX_KEPT_MS, type Retention } from './schedule/retention.ts';
export { ScheduleBatches } from './schedule/schedule-batches.ts';
export { BatchRemoval, type FolderRemoval } from './batch/batch-removal.ts';
export {
  keepReferred,
  type Referred,
  type References,
  referencesOf,
} from './batch/referred-batches.ts';
export { deniedFetches, realFailures, sameFailure } from './ledger/failures-of.ts';
export {
  batchDocument,
  type BatchDocument,
  statusDocument,
  type StatusDocument,
} from './documents/batch-document.ts';
export { originDocument, type OriginDocument } from './documents/origin-document.ts';
export {
  originDetailDocument,
  type OriginDetailDocument,
  type OriginEventDocument,
} from './documents/origin-detail-document.ts';
export {
  endOf,
  runDocument,
  scheduleDocument,
  type ScheduleView,
  viewSchedule,
} from './documents/schedule-document.ts';
export { BatchesReader, isUnderWay, type WatchedBatch } from './watch/batches-reader.ts';
export { interruptedAmong } from './watch/interrupted.ts';
export { backlogMs, OriginsReader, severityOf } from './watch/origins-reader.ts';
export { Pace, remainingMs } from './watch/pace.ts';
export {
  FleetHistory,
  growthOf,
  type HistorySample,
  ratesOf,
  type Series,
  valuesOf,
} from './workers/fleet-history.ts';
export {
  countSlices,
  type ListedSlice,
  type SliceCounts,
  someSlices,
} from './queue/slice-counts.ts';
