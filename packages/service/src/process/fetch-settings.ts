/** For whoever asks for compression elsewhere. */
export const COMPRESS_FOLDERS =
  '--compress (FETCHFLEET_COMPRESS): is for results in folders; S3 always compresses, PostgreSQL never';

/**
 * The settings that workers have in common with the commands that start them: names, defaults and
 * ranges are here and nowhere else. `fetchSchemas` checks their values. No schemas are here, as
 * commands show these settings in `--help` before they load anything.
 */
export const FETCH_SETTINGS = {
  concurrency: {
    flags: '--concurrency <n>',
    variable: 'FETCHFLEET_CONCURRENCY',
    default: '50',
    min: 1,
    max: 10_000,
  },
  transport: {
    flags: '--transport <name>',
    variable: 'FETCHFLEET_TRANSPORT',
    default: 'got',
    values: ['got', 'native'],
  },
  /** A folder or an address. What it may be is checked by the package that opens it. */
  results: {
    flags: '--results <place>',
    variable: 'FETCHFLEET_RESULTS',
    default: './results',
  },
  compress: {
    flags: '--compress <how>',
    variable: 'FETCHFLEET_COMPRESS',
    default: 'none',
    values: ['none', 'zstd'],
  },
  umask: {
    flags: '--umask <mask>',
    variable: 'FETCHFLEET_UMASK',
    default: '077',
  },
  /** Without a default: that of a worker is stricter than that of `run`. */
  secrets: {
    flags: '--secrets <names>',
    variable: 'FETCHFLEET_SECRETS',
  },
} as const;
