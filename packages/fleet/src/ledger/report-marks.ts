/**
 * Stands in the report of every worker that can run slices of several origins: see
 * `Workers.heartbeat`. Those of version 0.1 reject such slices.
 */
export const READS_SEVERAL_ORIGINS = '"readsSeveralOrigins":true';
