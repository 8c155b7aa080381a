export { type ParquetOptions, ParquetSink } from './parquet-sink.ts';
