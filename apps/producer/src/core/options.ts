import { availableParallelism } from 'node:os';
import { FETCH_SETTINGS } from '@fetchfleet/service/fetch-settings';

/** What a shell may offer where a value is typed. */
export interface OfferedValues {
  readonly values?: readonly string[] | (() => readonly string[]);
  /** The shell finds paths by itself. */
  readonly paths?: 'files' | 'directories';
  /** Endings of the files to offer, without dots. @default all */
  readonly endings?: readonly string[];
}

/** One option of a command: the command line, --help and shell completion are made of it. */
export interface OptionSpec {
  /**
   * As commander reads them: `-o, --output <file>`. A letter means the same in all commands, and a
   * name with a letter has it in all of them.
   */
  readonly flags: string;
  readonly help: string;
  /** The command gets this value where the option is not given. */
  readonly default?: string;
  /** The default in words, for --help, where the command works it out. */
  readonly defaultHelp?: string;
  /** Environment variable that stands in for the option; see `SETTINGS`. */
  readonly variable?: string;
  /** The value where neither option nor variable is given; see `SETTINGS`. */
  readonly fallback?: string | (() => string);
  /** The command does not run without it. @default false */
  readonly isRequired?: boolean;
  /** The command line refuses other values. */
  readonly choices?: readonly string[];
  /** It may be given several times; the command gets a list. @default false */
  readonly isRepeatable?: boolean;
  /** Name of an option that excludes this one. */
  readonly conflicts?: string;
  readonly offers?: OfferedValues;
}

/** The argument of a command. */
export interface ArgumentSpec {
  /** As commander reads it: `<batch>` is required, `[batch]` is not, `[words...]` takes many. */
  readonly usage: string;
  readonly help: string;
  /** The command line refuses other values. */
  readonly choices?: readonly string[];
  /**
   * Ids of batches, schedules and workers, and origins, are offered by the name of the argument.
   */
  readonly offers?: OfferedValues;
}

interface SettingSpec extends OptionSpec {
  readonly variable: string;
  readonly fallback: string | (() => string);
  /** The range of a number. */
  readonly min?: number;
  readonly max?: number;
}

/** Commander must not fill in a default: the variable would never be read. */
function withFallback<T extends { readonly default: string }>({
  default: fallback,
  ...setting
}: T) {
  return { ...setting, fallback };
}

/**
 * Options that an environment variable may stand in for, each with its range and its default.
 * `core/settings.ts` reads them. The flag wins over the variable, and that over the fallback.
 */
export const SETTINGS = {
  /** Worker processes of this machine. Each takes about 80 MB. */
  workers: {
    flags: '-w, --workers <n>',
    help: 'worker processes',
    variable: 'FETCHFLEET_WORKERS',
    fallback: () => String(Math.min(4, availableParallelism())),
    defaultHelp: '4, or the number of cores if less',
    min: 1,
    max: 64,
  },
  /** Fetches in flight in one worker. Memory for bodies grows with it. */
  concurrency: {
    ...withFallback(FETCH_SETTINGS.concurrency),
    flags: '-c, --concurrency <n>',
    help: 'fetches in flight in each worker',
  },
  /** The HTTP client of the workers. */
  transport: {
    ...withFallback(FETCH_SETTINGS.transport),
    help: 'HTTP client: got has more features, native is faster',
    offers: { values: FETCH_SETTINGS.transport.values },
  },
  /** Variables that crawls may have of this machine, and for which origins. */
  secrets: {
    ...FETCH_SETTINGS.secrets,
    help: 'variables that workers here may send: CRAWL_*,API_TOKEN@https://api.example',
    fallback: '',
    defaultHelp: 'FETCHFLEET_SECRET_*, and what the crawl file names',
  },
  /** A folder, relative to the current one, or an address. */
  results: {
    ...withFallback(FETCH_SETTINGS.results),
    help: 'where results are: a folder, s3://BUCKET/PREFIX or postgres://USER@HOST/DATABASE',
    offers: { paths: 'directories' },
  },
  /** Of the parts in a results folder. */
  compress: {
    ...withFallback(FETCH_SETTINGS.compress),
    help: 'zstd compresses results in a folder',
    offers: { values: FETCH_SETTINGS.compress.values },
  },
  /** Taken from 0777 for folders and 0666 for files. It must leave the owner everything. */
  umask: {
    ...withFallback(FETCH_SETTINGS.umask),
    help: 'rights that other users do not get to what is written; 022 lets them read',
    offers: { values: ['077', '027', '022'] },
  },
} as const satisfies Readonly<Record<string, SettingSpec>>;

export type SettingName = keyof typeof SETTINGS;

/** As workers take it. `run` allows private addresses to the crawl file of its user. */
export const ALLOW_PRIVATE = {
  flags: '--allow-private',
  help: 'read lists at URLs also from private addresses, if the crawl file allows them',
  variable: 'FETCHFLEET_ALLOW_PRIVATE',
} as const satisfies OptionSpec;

/** Of commands that may be the first of a fleet. `core/context.ts` reads it. */
export const SHARDS = {
  flags: '--shards <n>',
  help: 'how many shards a new fleet gets, for a Redis Cluster with as many masters',
  defaultHelp: 'those of the fleet; 1 for a new one',
  variable: 'FETCHFLEET_SHARDS',
} as const satisfies OptionSpec;

/** Of commands that read the lists of a batch again, whose paths they have from Redis. */
export const TRUST_LISTS: OptionSpec = {
  flags: '--trust-lists',
  help: 'read list files that Redis names, also outside of this folder and that of the crawl file',
};

/** The value of a setting as text, not checked yet. An empty variable counts as unset. */
export function settingText(
  name: SettingName,
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const { variable, fallback } = SETTINGS[name];
  return flag ?? (env[variable] || (typeof fallback === 'string' ? fallback : fallback()));
}

/** Environment variables that stand in for no option, with their lines in --help. */
export const VARIABLES = {
  REDIS_URL: [
    'the Redis of the fleet: redis://, rediss:// or unix:///PATH. Without',
    'it, run starts a private Redis in .fetchfleet/, which the other',
    'commands use in the same folder',
  ],
  FETCHFLEET_FLEET: [
    'name of the fleet (default: fetchfleet). Fleets with different names',
    'share a Redis without seeing each other',
  ],
  FETCHFLEET_BY: ['who runs the command, for `events` (default: user@host)'],
  FETCHFLEET_DEBUG: ['if set, errors are printed with their stack'],
  NO_COLOR: ['if set, nothing is coloured'],
} as const;
