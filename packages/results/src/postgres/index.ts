export { DatabaseError, DatabaseUnfitError } from './errors.ts';
export { type PostgresCounts, type PostgresOptions, PostgresSink } from './postgres-sink.ts';
export { PostgresStore } from './postgres-store.ts';
