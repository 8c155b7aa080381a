export type { FlushEvent } from './batch-writer.ts';
export { exportBatch, type ExportOptions, type ExportSummary } from './export-batch.ts';
export { FileSink, type FileSinkOptions } from './file-sink.ts';
export { InvalidIdError, UnknownBatchError } from './layout.ts';
export { type Manifest, readManifest } from './manifest.ts';
export { ResultsChangedError } from './part-files.ts';
export { probeResults } from './probe-results.ts';
export { SinkError } from './sink-error.ts';
export type { Sink } from './sink.ts';
