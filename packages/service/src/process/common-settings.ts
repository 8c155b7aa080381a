import { isatty } from 'node:tty';
import { z } from 'zod';
import { LOG_LEVELS } from './logger.ts';
import type { Setting } from './settings-table.ts';

const STDERR = 2;

/** How a program of the fleet reaches Redis. */
export const REDIS_SETTINGS = {
  /** Where the fleet meets: a server, a cluster, a master behind Sentinels, a socket. */
  redisUrl: {
    flags: '--redis-url <url>',
    variable: 'REDIS_URL',
    help: 'where the fleet meets',
    schema: z.string(),
  },
  /** Trusted instead of the authorities that Node knows. */
  redisTlsCa: {
    flags: '--redis-tls-ca <file>',
    variable: 'REDIS_TLS_CA',
    help: 'certificates (PEM) that a Redis with TLS is checked by',
    schema: z.string().optional(),
  },
  redisTlsCert: {
    flags: '--redis-tls-cert <file>',
    variable: 'REDIS_TLS_CERT',
    help: 'certificate (PEM) of this client, for a Redis with TLS',
    schema: z.string().optional(),
  },
  redisTlsKey: {
    flags: '--redis-tls-key <file>',
    variable: 'REDIS_TLS_KEY',
    help: 'key (PEM) of that certificate',
    schema: z.string().optional(),
  },
  /** User and password of the URL are for the master; these are for the Sentinels. */
  redisSentinelUsername: {
    flags: '--redis-sentinel-username <name>',
    variable: 'REDIS_SENTINEL_USERNAME',
    help: 'user at the Sentinels, if they have users',
    schema: z.string().optional(),
  },
  redisSentinelPassword: {
    flags: '--redis-sentinel-password <password>',
    variable: 'REDIS_SENTINEL_PASSWORD',
    help: 'password of the Sentinels; as an option, other users of the machine see it',
    schema: z.string().optional(),
  },
  /** Where nodes are that announce addresses which this machine cannot reach. */
  redisNatMap: {
    flags: '--redis-nat-map <pairs>',
    variable: 'REDIS_NAT_MAP',
    help: 'ANNOUNCED:PORT=REACHABLE:PORT,… for nodes of a cluster, or behind Sentinels',
    schema: z.string().optional(),
  },
} as const satisfies Record<string, Setting>;

/** How a program of the fleet writes its log, which goes to stderr. */
export const LOG_SETTINGS = {
  logLevel: {
    flags: '--log-level <level>',
    variable: 'FETCHFLEET_LOG_LEVEL',
    help: LOG_LEVELS.join(', '),
    default: 'info',
    schema: z.enum(LOG_LEVELS),
  },
  logFormat: {
    flags: '--log-format <format>',
    variable: 'FETCHFLEET_LOG_FORMAT',
    help: 'auto (pretty on a terminal), json or pretty',
    default: 'auto',
    schema: z.enum(['auto', 'json', 'pretty']),
  },
} as const satisfies Record<string, Setting>;

/** Whether the log is for people. */
export function isPrettyLog(logFormat: 'auto' | 'json' | 'pretty'): boolean {
  return logFormat === 'pretty' || (logFormat === 'auto' && isatty(STDERR));
}
