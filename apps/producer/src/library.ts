/** What the library uses of the commands. */
export { findBatch } from './batch/find-batch.ts';
export { localWorkers, networkPermissions } from './batch/run-batch.ts';
export { cancelBatch, pauseBatch } from './batch/stop-batch.ts';
export { resumePaused } from './batch/resume-paused.ts';
export { pollIntervalMs } from './batch/wait-for-batch.ts';
export { eventDocument } from './commands/events.ts';
export type { Context } from './core/context.ts';
export { CommandError, Problems } from './core/errors.ts';
export { Interrupts } from './core/interrupts.ts';
export { readListAccess, readRunSettings } from './core/settings.ts';
export { Terminal } from './core/terminal.ts';
export { withComparison } from './crawl/comparison.ts';
export { type LoadedCrawl, measureCrawl } from './crawl/load-crawl.ts';
export { localSecrets } from './crawl/local-secrets.ts';
export { openPrivateRedis } from './local/private-redis.ts';
export { checkOut } from './results/check-out.ts';
export { resultsOf } from './results/results-of.ts';
export { FleetSession } from './session/fleet-session.ts';
