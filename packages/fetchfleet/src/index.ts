/**
 * fetchfleet inside a program: crawls, batches, workers. Importing it does nothing; nothing is
 * shared between two fleets.
 *
 * @packageDocumentation
 */
export type { CrawlInput } from './crawl/crawl-input.ts';
export { type CrawlDefinition, type DefineOptions, defineCrawl } from './crawl/define-crawl.ts';
export type { Batch } from './fleet/batch.ts';
export type {
  BatchEvent,
  BatchState,
  BatchStatus,
  FetchRecord,
  Outcome,
} from './fleet/documents.ts';
export { connectFleet, type Fleet, type FleetOptions, type StartOptions } from './fleet/fleet.ts';
export { type FinishedRun, runBatch } from './run/run-batch.ts';
export type { RunOptions } from './run/run-options.ts';
export { createWorker, type Worker, type WorkerOptions } from './worker/create-worker.ts';
export type { CustomSink } from './worker/custom-sink.ts';
