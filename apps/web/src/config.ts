import { FLEET_NAME_RULE, isFleetName, parseRedisUrl, type RedisAddress } from '@fetchfleet/fleet';
import {
  booleanSetting,
  currentFolder,
  LOG_SETTINGS,
  readSettingsTable,
  REDIS_SETTINGS,
  rulesSetting,
  type Setting,
  SettingsError,
  type SettingsOf,
  sizeInBytes,
  wholeNumber,
} from '@fetchfleet/service';
import { FETCH_SETTINGS } from '@fetchfleet/service/fetch-settings';
import { Place, PlaceError } from '@fetchfleet/results/place';
import { settingsCommand } from '@fetchfleet/service/settings-command';
import { z } from 'zod';
import { isLoopback } from './access/host-check.ts';

/** Who guesses a shorter one at the allowed rate needs less than a century. */
const LEAST_TOKEN = 16;

const PROGRAM = {
  name: 'fetchfleet-web',
  description: 'The page to watch and steer a fleet.',
};

/** Every setting of the page's server: flags, environment, `--help` and checks are made of it. */
const SETTINGS = {
  ...REDIS_SETTINGS,
  fleet: {
    flags: '--fleet <name>',
    variable: 'FETCHFLEET_FLEET',
    help: 'name of the fleet',
    default: 'fetchfleet',
    schema: z.string().refine(isFleetName, FLEET_NAME_RULE),
  },
  port: {
    flags: '--port <port>',
    variable: 'FETCHFLEET_WEB_PORT',
    help: 'port of the page; 0 for any',
    default: '8788',
    schema: wholeNumber({ min: 0, max: 65_535 }),
  },
  /** Another address than loopback needs a token. */
  host: {
    flags: '--host <host>',
    variable: 'FETCHFLEET_WEB_HOST',
    help: 'address to serve it on',
    default: '127.0.0.1',
    schema: z.string().min(1),
  },
  /** A browser that was led here by another name is refused (DNS rebinding). */
  allowHost: {
    flags: '--allow-host <names>',
    variable: 'FETCHFLEET_WEB_ALLOW_HOST',
    help: 'further names that browsers find it by: fleet.example,fleet',
    default: '',
    schema: z.string().transform(listOf),
  },
  /** Whoever has it can do what the command line can. Other users of the machine see flags. */
  token: {
    flags: '--token <token>',
    variable: 'FETCHFLEET_WEB_TOKEN',
    help: 'what viewers have to know; at least 16 characters; better by the variable',
    schema: z.string().min(LEAST_TOKEN).optional(),
  },
  readOnly: {
    flags: '--read-only',
    variable: 'FETCHFLEET_WEB_READ_ONLY',
    help: 'show everything and change nothing',
    default: false,
    schema: booleanSetting(),
  },
  /** Workers may come to any other Redis at any time. */
  privateRedis: {
    flags: '--private-redis',
    variable: 'FETCHFLEET_WEB_PRIVATE_REDIS',
    help: 'this Redis is that of a folder: a batch that nobody works on was interrupted',
    default: false,
    schema: booleanSetting(),
  },
  base: {
    flags: '--base <path>',
    variable: 'FETCHFLEET_WEB_BASE',
    help: 'path of the page behind a reverse proxy: /fetchfleet',
    default: '/',
    schema: z
      .string()
      .regex(/^(?:\/[\w.~-]+)*\/?$/u, 'must be a path such as /fetchfleet')
      .refine((path) => !/\/\.{1,2}(?:\/|$)/u.test(path), 'must have no steps')
      .transform((path) => path.replace(/\/$/u, '')),
  },
  /** Whoever reaches the port directly can then say that it comes from anywhere, by https. */
  trustProxy: {
    flags: '--trust-proxy',
    variable: 'FETCHFLEET_WEB_TRUST_PROXY',
    help: 'believe X-Forwarded-Proto and X-Forwarded-For: a reverse proxy sets them',
    default: false,
    schema: booleanSetting(),
  },
  /** Records are shown where they can be read; everything else works without them. */
  results: {
    ...FETCH_SETTINGS.results,
    help: 'where the results of the workers are',
    schema: rulesSetting((text) => Place.parse(text, currentFolder()), PlaceError),
  },
  /** Of records in S3, in a database or compressed. Up to four copies are in TMPDIR at a time. */
  maxCopy: {
    flags: '--max-copy <size>',
    variable: 'FETCHFLEET_WEB_MAX_COPY',
    help: 'largest temporary copy of a batch, for records that have to be copied to be shown',
    default: '4GiB',
    schema: sizeInBytes({ min: '1MiB', max: '1024GiB' }),
  },
  ...LOG_SETTINGS,
} as const satisfies Record<string, Setting>;

export type WebSettings = SettingsOf<typeof SETTINGS>;

/**
 * Flags first, then the environment, then defaults.
 *
 * @throws SettingsError with every setting that is wrong; `CommanderError` for `--help` and unknown
 * flags
 */
export function readSettings(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): WebSettings {
  const flags = settingsCommand(PROGRAM, SETTINGS).parse(argv, { from: 'user' }).opts();
  // An empty variable is none: a file of variables has it like that where there is no token.
  const given = { ...env, FETCHFLEET_WEB_TOKEN: env['FETCHFLEET_WEB_TOKEN'] || undefined };
  const settings = readSettingsTable(SETTINGS, { flags, env: given });
  if (settings.token === undefined && !isLoopback(settings.host)) {
    throw new SettingsError([
      `--host (FETCHFLEET_WEB_HOST): others reach ${settings.host}, and there is no token: set ` +
        'FETCHFLEET_WEB_TOKEN, also for --read-only, or listen on 127.0.0.1',
    ]);
  }
  return settings;
}

/** @throws RedisUrlError */
export function redisAddressOf(settings: WebSettings): RedisAddress {
  return parseRedisUrl(settings.redisUrl, {
    ca: settings.redisTlsCa,
    cert: settings.redisTlsCert,
    key: settings.redisTlsKey,
    sentinelUsername: settings.redisSentinelUsername,
    sentinelPassword: settings.redisSentinelPassword,
    natMap: settings.redisNatMap,
  });
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((one) => one.trim().toLowerCase())
    .filter((one) => one !== '');
}
