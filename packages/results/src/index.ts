export {
  type ComparedBatch,
  findComparedBatch,
  findPredecessor,
  openKnownAnswers,
} from './changes/compared-batch.ts';
export { type Change, CHANGES, diffBatches, type ListedChange } from './changes/diff-batches.ts';
export type { KnownAnswers } from './changes/known-answers.ts';
export { findCache, MISSING_KEY, type TableCache, writeCache } from './cache/table-cache.ts';
export {
  exportBatch,
  type ExportOptions,
  type ExportSummary,
  type ReadOptions,
} from './export/export-batch.ts';
export { readLines } from './export/read-lines.ts';
export { type FailureExample, findFailureExamples } from './failures/failure-examples.ts';
export type { FailedRecord } from './failures/failed-record.ts';
export { type FailureGroup, reasonOf } from './failures/failure-groups.ts';
export { failuresDocument } from './failures/failures-document.ts';
export { type Failures, findFailures } from './failures/find-failures.ts';
export { streamFailures } from './failures/stream-failures.ts';
export {
  CopyTooLargeError,
  InvalidIdError,
  ResultsChangedError,
  ResultsNotFoundError,
  ResultsUnreadableError,
  systemErrorCode,
} from './folder/errors.ts';
export { firstManifest, type Manifest, readManifest } from './folder/manifest.ts';
export type { Compression } from './folder/layout.ts';
export { openStore, type OpenOptions } from './place/open-store.ts';
export { findFinishedBatch, type FoundBatch } from './select/finished-batch.ts';
export { selectedValues, type SelectSummary } from './select/selected-values.ts';
export { measureBatch, removeBatch, storedBatches } from './folder/stored-batches.ts';
export { FileSink, type FileSinkOptions } from './sink/file-sink.ts';
export type { FlushEvent } from './sink/group-commit.ts';
export { ThreadedSink, type ThreadedSinkOptions } from './thread/threaded-sink.ts';
export { probeResults } from './sink/probe-results.ts';
export { EncodingSink, type RecordSink } from './sink/record-sink.ts';
export { type Gathering, type Sink, SinkError } from './sink/sink.ts';
export { isS3Address, S3AddressError } from './s3/address.ts';
export { FolderStore } from './store/folder-store.ts';
export type { CheckedOut, CheckOutOptions, Examination, ResultsStore } from './store/store.ts';
export type { SinkOptions } from './sink/sink-options.ts';
export { type PartsContent, verifyParts } from './verify/verify-parts.ts';
export { BodyFileError } from './rows/body-files.ts';
export {
  exportRows,
  type RowSink,
  type RowsOptions,
  type RowsSummary,
} from './rows/export-rows.ts';
export { FieldsError, type RowShape } from './rows/fields.ts';
export { TextSink } from './rows/text-rows.ts';
export type { ParsedHead, RecordHead } from './places/record-head.ts';
export type { RecordPlace } from './places/page-keys.ts';
export { RecordPlaces } from './places/record-places.ts';
export { recentDurations } from './places/recent-durations.ts';
