export { DatabaseError, DatabaseUnfitError } from './errors.ts';
export { type PostgresCounts, PostgresExport, type PostgresOptions } from './postgres-export.ts';
export { PostgresStore, type PostgresStoreOptions } from './postgres-store.ts';
