import { DEFAULT_SECRETS, ProxyRules, ProxyRulesError } from '@fetchfleet/crawl';
import { Place, PlaceError } from '@fetchfleet/results/place';
import {
  FLEET_NAME_RULE,
  isFleetName,
  MAX_SHARDS,
  parseRedisUrl,
  type RedisAddress,
} from '@fetchfleet/fleet';
import {
  booleanSetting,
  currentFolder,
  durationMs,
  fetchSchemas,
  LOG_SETTINGS,
  readSettingsTable,
  REDIS_SETTINGS,
  rulesSetting,
  type Setting,
  sizeInBytes,
  SettingsError,
  type SettingsOf,
  wholeNumber,
} from '@fetchfleet/service';
import { COMPRESS_FOLDERS, FETCH_SETTINGS } from '@fetchfleet/service/fetch-settings';
import { settingsCommand } from '@fetchfleet/service/settings-command';
import { z } from 'zod';

/** A longer Node timer would fire at once. */
const LONGEST_TIMER = '24d';

const PROGRAM = {
  name: 'fetchfleet-worker',
  description: 'One worker of the fleet: claims slices, fetches them, writes records.',
};

/**
 * Every setting of a worker: the flags, the environment, `--help` and the checks are made from this
 * table.
 *
 * A worker cannot compare its drain timeout with the request timeouts of crawl files, which it has
 * not seen yet, nor with the grace period of its supervisor: `docs/operations.md` says which must
 * be longer.
 */
const SETTINGS = {
  ...REDIS_SETTINGS,
  /**
   * Fetches in flight in this process. More needs more memory (body limit × concurrency) and more
   * sockets.
   */
  concurrency: {
    ...FETCH_SETTINGS.concurrency,
    help: 'fetches in flight',
    schema: fetchSchemas.concurrency,
  },
  /** Where records go: a folder, with one folder for each batch, or an address. */
  results: {
    ...FETCH_SETTINGS.results,
    help: 'where results go: a folder, s3://BUCKET/PREFIX or postgres://USER@HOST/DATABASE',
    schema: rulesSetting((text) => Place.parse(text, currentFolder()), PlaceError),
  },
  /** How results in a folder are compressed: parts get much smaller, and cost some CPU time. */
  compress: {
    ...FETCH_SETTINGS.compress,
    help: 'zstd compresses results in a folder',
    schema: fetchSchemas.compress,
  },
  /**
   * What other users may not do with the folders (0777) and files (0666) of results. Without rights
   * for a group, only programs of the same user can read them, or write beside them.
   */
  umask: {
    ...FETCH_SETTINGS.umask,
    help: 'rights that other users do not get to results; 022 lets them read',
    schema: fetchSchemas.umask,
  },
  transport: {
    ...FETCH_SETTINGS.transport,
    help: 'got (complete) or native (fast)',
    schema: fetchSchemas.transport,
  },
  /** Port of /metrics, /healthz and /readyz; 0 takes any free one. */
  metricsPort: {
    flags: '--metrics-port <port>',
    variable: 'FETCHFLEET_METRICS_PORT',
    help: '/metrics, /healthz and /readyz; 0 for any',
    default: '9464',
    schema: wholeNumber({ min: 0, max: 65_535 }),
  },
  metricsHost: {
    flags: '--metrics-host <host>',
    variable: 'FETCHFLEET_METRICS_HOST',
    help: 'address to serve them on',
    default: '127.0.0.1',
    schema: z.string().min(1),
  },
  /** Whether unfinished batches may go on although their records are in another results folder. */
  newResults: {
    flags: '--new-results',
    variable: 'FETCHFLEET_NEW_RESULTS',
    help: 'go on with batches whose records are in another results folder',
    default: false,
    schema: booleanSetting(),
  },
  /** Whether a crawl file may open loopback and private addresses from here. */
  allowPrivate: {
    flags: '--allow-private',
    variable: 'FETCHFLEET_ALLOW_PRIVATE',
    help: 'let crawl files open loopback and private addresses',
    default: false,
    schema: booleanSetting(),
  },
  /**
   * Which variables crawls may have, and for which origins. Everybody who may write crawl files or
   * to Redis can have them sent anywhere, unless they are bound to an origin.
   */
  secrets: {
    ...FETCH_SETTINGS.secrets,
    help: 'variables that crawls may send: CRAWL_*,API_TOKEN@https://api.example',
    default: DEFAULT_SECRETS,
    schema: fetchSchemas.secrets,
  },
  /**
   * What all fetches go through. The address filter sees the proxy only: which addresses can be
   * reached is for the proxy to say.
   */
  proxy: {
    flags: '--proxy <proxy>',
    variable: 'FETCHFLEET_PROXY',
    help: 'what all fetches go through: a URL, or env for HTTPS_PROXY, HTTP_PROXY and NO_PROXY',
    default: '',
    schema: z.string(),
  },
  /** Which proxies crawl files may name. Those that are named here may have private addresses. */
  allowProxy: {
    flags: '--allow-proxy <hosts>',
    variable: 'FETCHFLEET_ALLOW_PROXY',
    help: 'proxies that crawl files may name: proxy.example:3128,env, or * for all',
    default: '',
    schema: rulesSetting((text) => ProxyRules.parse(text), ProxyRulesError),
  },
  /** Whether a crawl may have any certificate accepted, so that others can read its secrets. */
  allowInsecureTls: {
    flags: '--allow-insecure-tls',
    variable: 'FETCHFLEET_ALLOW_INSECURE_TLS',
    help: 'let crawl files switch off the check of certificates',
    default: false,
    schema: booleanSetting(),
  },
  /** Whether this worker turns schedules into batches. At least one worker of the fleet must. */
  schedules: {
    flags: '--no-schedules',
    variable: 'FETCHFLEET_SCHEDULES',
    help: 'leave ticks to other workers',
    default: true,
    schema: booleanSetting(),
  },
  /**
   * Whether this worker removes batches that their schedule does not keep, in Redis and in its
   * results folder.
   */
  retention: {
    flags: '--no-retention',
    variable: 'FETCHFLEET_RETENTION',
    help: 'remove no results, whatever a schedule keeps',
    default: true,
    schema: booleanSetting(),
  },
  /**
   * How long running fetches may go on after SIGTERM. If it is too short their work is wasted; if
   * it is longer than the grace period of the supervisor, the worker is killed and its slices come
   * back only after 15 s.
   */
  drainTimeoutMs: {
    flags: '--drain-timeout <duration>',
    variable: 'FETCHFLEET_DRAIN_TIMEOUT',
    help: 'for running fetches after SIGTERM',
    default: '20s',
    schema: durationMs({ max: LONGEST_TIMER }),
  },
  /**
   * A worker without progress for this long, and without an excuse, replaces its connections, and
   * ends if that does not help. The minimum is twice the 5 s in which an idle worker gets an
   * answer; if it is too long, a stuck worker goes unnoticed.
   */
  stallTimeoutMs: {
    flags: '--stall-timeout <duration>',
    variable: 'FETCHFLEET_STALL_TIMEOUT',
    help: 'without progress, until the worker takes new connections; at least 10s',
    default: '30s',
    schema: durationMs({ min: '10s' }),
  },
  /** The longest Retry-After or Crawl-delay that is obeyed; a longer one is cut to this. */
  maxRetryAfterMs: {
    flags: '--max-retry-after <duration>',
    variable: 'FETCHFLEET_MAX_RETRY_AFTER',
    help: 'the longest that an origin may stop the fleet for',
    default: '1h',
    schema: durationMs(),
  },
  /**
   * The largest `limits.body` that is obeyed; a larger one is cut to this. All bodies in flight
   * together may need this times `--concurrency`. The default is the largest of a crawl file.
   */
  maxBodyBytes: {
    flags: '--max-body <size>',
    variable: 'FETCHFLEET_MAX_BODY',
    help: 'the largest limits.body of a crawl file that is obeyed; at most 256MiB',
    default: '256MiB',
    schema: sizeInBytes({ min: '1B', max: '256MiB' }),
  },
  /** The longest `limits.timeout` that is obeyed; a longer one is cut to this. */
  maxTimeoutMs: {
    flags: '--max-timeout <duration>',
    variable: 'FETCHFLEET_MAX_TIMEOUT',
    help: 'the longest limits.timeout of a crawl file that is obeyed',
    default: '1h',
    schema: durationMs({ min: '1ms', max: LONGEST_TIMER }),
  },
  /** Fleets with different names do not see each other, even in one Redis. */
  fleet: {
    flags: '--fleet <name>',
    variable: 'FETCHFLEET_FLEET',
    help: 'name of the fleet',
    default: 'fetchfleet',
    schema: z.string().refine(isFleetName, FLEET_NAME_RULE),
  },
  /** How many shards a new fleet gets. One that has another number is refused. */
  shards: {
    flags: '--shards <n>',
    variable: 'FETCHFLEET_SHARDS',
    help: 'how many shards a new fleet gets; 1, or those of the fleet, where it is not given',
    schema: wholeNumber({ min: 1, max: MAX_SHARDS }).optional(),
  },
  ...LOG_SETTINGS,
} as const satisfies Record<string, Setting>;

export type WorkerSettings = SettingsOf<typeof SETTINGS>;

/**
 * Flags first, then the environment, then defaults.
 *
 * @throws SettingsError with every setting that is wrong; `CommanderError` for `--help` and unknown
 * flags
 */
export function readSettings(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): WorkerSettings {
  const flags = settingsCommand(PROGRAM, SETTINGS).parse(argv, { from: 'user' }).opts();
  const settings = readSettingsTable(SETTINGS, { flags, env });
  if (settings.compress !== 'none' && settings.results.kind !== 'folder') {
    throw new SettingsError([COMPRESS_FOLDERS]);
  }
  return settings;
}

/** @throws RedisUrlError */
export function redisAddressOf(settings: WorkerSettings): RedisAddress {
  return parseRedisUrl(settings.redisUrl, {
    ca: settings.redisTlsCa,
    cert: settings.redisTlsCert,
    key: settings.redisTlsKey,
    sentinelUsername: settings.redisSentinelUsername,
    sentinelPassword: settings.redisSentinelPassword,
    natMap: settings.redisNatMap,
  });
}
