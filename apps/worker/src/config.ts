import { resolve } from 'node:path';
import { VERSION } from '@fetchfleet/crawl';
import { LOG_LEVELS, parseSettings } from '@fetchfleet/service';
import { Command, Option } from 'commander';
import { z } from 'zod';

const durationPattern = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

const duration = z
  .string()
  .regex(durationPattern, 'must be a duration such as 500ms, 20s or 2m')
  .transform((text) => {
    const [, amount = '0', unit = 'ms'] = durationPattern.exec(text) ?? [];
    return Number(amount) * (UNIT_MS[unit] ?? 1);
  });

const flag = z
  .union([z.boolean(), z.enum(['true', 'false', '1', '0', ''])])
  .transform((value) => value === true || value === 'true' || value === '1');

const schema = z.object({
  /** Where the fleet meets. `redis://`, `rediss://` or `unix://`. */
  redisUrl: z.string(),
  /** Fetches in flight in this process. More needs more memory (body limit × concurrency) and more sockets. */
  concurrency: z.coerce.number().int().min(1).max(10_000),
  /** Folder for results; every batch has one in it. */
  results: z
    .string()
    .min(1)
    .transform((path) => resolve(path)),
  transport: z.enum(['got', 'undici']),
  /** Port of /metrics, /healthz and /readyz; 0 takes any free one. */
  metricsPort: z.coerce.number().int().min(0).max(65_535),
  metricsHost: z.string().min(1),
  /** Whether a crawl file may open loopback and private addresses here. */
  allowPrivate: flag,
  /** Whether this worker turns schedules into batches. One of the fleet must. */
  schedules: flag,
  /** How long running fetches may go on after SIGTERM. Too short wastes their work; too long outlasts the supervisor's patience. */
  drainTimeout: duration,
  /**
   * A worker that makes no progress for so long, without a reason for it, takes new connections, and ends if they do not help. An idle
   * worker is answered every 5 s; too long, and a stuck one goes unnoticed.
   */
  stallTimeout: duration.refine((ms) => ms >= 10_000, 'must be at least 10s'),
  /** The longest that an origin's Retry-After is obeyed; what asks for more is cut to it. */
  maxRetryAfter: duration,
  /** Fleets with different names do not see each other, also in one Redis. */
  fleet: z.string().regex(/^[a-z0-9-]{1,40}$/, 'must be 1 to 40 of a-z, 0-9 and -'),
  logLevel: z.enum(LOG_LEVELS),
  logFormat: z.enum(['auto', 'json', 'pretty']),
});

export type WorkerSettings = z.infer<typeof schema>;

/** Flags first, then the environment, then defaults. Throws `SettingsError`, or `CommanderError` for `--help` and unknown flags. */
export function readSettings(argv: readonly string[]): WorkerSettings {
  const command = program();
  command.parse(argv, { from: 'user' });
  const input = { ...command.opts(), schedules: schedulesOf(command.opts()) };
  return parseSettings(schema, input, (path) => describeSetting(command, path));
}

/** The library would take any value of a variable for a `--no-…` flag that was given. */
function schedulesOf({ schedules }: Readonly<Record<string, unknown>>): unknown {
  return schedules === false ? false : (process.env['FETCHFLEET_SCHEDULES'] ?? true);
}

function program(): Command {
  return new Command('fetchfleet-worker')
    .description('One worker of the fleet: claims slices, fetches them, writes records.')
    .version(VERSION)
    .addOption(setting('--redis-url <url>', 'where the fleet meets', 'REDIS_URL'))
    .addOption(
      setting('--concurrency <n>', 'fetches in flight', 'FETCHFLEET_CONCURRENCY').default('50'),
    )
    .addOption(
      setting('--results <dir>', 'folder for results', 'FETCHFLEET_RESULTS').default('./results'),
    )
    .addOption(
      setting(
        '--transport <name>',
        'got (complete) or undici (fast)',
        'FETCHFLEET_TRANSPORT',
      ).default('got'),
    )
    .addOption(
      setting(
        '--metrics-port <port>',
        '/metrics, /healthz and /readyz; 0 for any',
        'FETCHFLEET_METRICS_PORT',
      ).default('9464'),
    )
    .addOption(
      setting(
        '--metrics-host <host>',
        'address to serve them on',
        'FETCHFLEET_METRICS_HOST',
      ).default('127.0.0.1'),
    )
    .addOption(
      setting(
        '--allow-private',
        'let crawl files open loopback and private addresses',
        'FETCHFLEET_ALLOW_PRIVATE',
      ).default(false),
    )
    .option('--no-schedules', 'leave ticks to other workers (env: FETCHFLEET_SCHEDULES=false)')
    .addOption(
      setting(
        '--drain-timeout <duration>',
        'for running fetches after SIGTERM',
        'FETCHFLEET_DRAIN_TIMEOUT',
      ).default('20s'),
    )
    .addOption(
      setting(
        '--stall-timeout <duration>',
        'without progress, until the worker takes new connections; at least 10s',
        'FETCHFLEET_STALL_TIMEOUT',
      ).default('30s'),
    )
    .addOption(
      setting(
        '--max-retry-after <duration>',
        'the longest that an origin may stop the fleet for',
        'FETCHFLEET_MAX_RETRY_AFTER',
      ).default('1h'),
    )
    .addOption(
      setting('--fleet <name>', 'name of the fleet', 'FETCHFLEET_FLEET').default('fetchfleet'),
    )
    .addOption(
      setting('--log-level <level>', LOG_LEVELS.join(', '), 'FETCHFLEET_LOG_LEVEL').default('info'),
    )
    .addOption(
      setting(
        '--log-format <format>',
        'auto (pretty on a terminal), json or pretty',
        'FETCHFLEET_LOG_FORMAT',
      ).default('auto'),
    )
    .allowExcessArguments(false)
    .showSuggestionAfterError()
    .exitOverride();
}

function setting(flags: string, description: string, variable: string): Option {
  return new Option(flags, description).env(variable);
}

function describeSetting(command: Command, path: readonly PropertyKey[]): string {
  const option = command.options.find((candidate) => candidate.attributeName() === path[0]);
  if (option?.attributeName() === 'schedules') return '--no-schedules (FETCHFLEET_SCHEDULES)';
  return option === undefined ? path.map(String).join('.') : `${option.long} (${option.envVar})`;
}
