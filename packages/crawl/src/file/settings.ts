import { isCidr } from '../model/address.ts';
import type { Limits, Network, Plan, Politeness, Rate } from '../model/plan.ts';
import { DURATION_EXAMPLES, parseDurationMs } from '../model/duration.ts';
import { parseRate, parseSize } from '../model/quantity.ts';
import { MAX_BACKOFF_MS } from '../outcome/backoff.ts';
import { readStatuses } from './answers.ts';
import { readProxy, readTls } from './connection.ts';
import type { Field } from '../yaml/field.ts';
import {
  readBoolean,
  readChoice,
  readInteger,
  readQuantity,
  readUnlimited,
} from '../yaml/read-field.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DEFAULT_BACKOFF_MS = 1_000;
const MIB = 2 ** 20;
/** Every fetch in flight holds its body in memory, and a record is one string. */
const MAX_BODY_BYTES = 256 * MIB;

const itself = (value: number) => value;

export function readPoliteness(field: Field | undefined): Politeness {
  const at = field?.section(['rate', 'delay', 'burst', 'concurrency', 'robots', 'patience']);
  return {
    rate: readStarts(at?.('rate'), at?.('delay')),
    burst: readInteger(at?.('burst'), { min: 1, max: 10_000 }) ?? 1,
    concurrency: readUnlimited(at?.('concurrency'), readConcurrency) ?? 16,
    robots: readRobots(at?.('robots')) ?? 'obey',
    patienceMs:
      readDuration(at?.('patience'), { min: 1, max: 168 * HOUR_MS }, '1ms to 168h') ?? HOUR_MS,
  };
}

export function readRetry(field: Field | undefined): Plan['retry'] {
  const at = field?.section(['attempts', 'backoff', 'maxBackoff', 'on']);
  const backoffMs =
    readDuration(at?.('backoff'), { min: 0, max: HOUR_MS }, '0ms to 1h') ?? DEFAULT_BACKOFF_MS;
  const maxBackoffMs =
    readDuration(at?.('maxBackoff'), { min: 1, max: 24 * HOUR_MS }, '1ms to 24h') ?? MAX_BACKOFF_MS;
  const on = readStatuses(at?.('on'), 400);
  if (at?.('maxBackoff') !== undefined && maxBackoffMs < backoffMs) {
    at('maxBackoff')?.report('maxBackoff is shorter than backoff, which is where doubling begins');
  }
  return {
    attempts: readInteger(at?.('attempts'), { min: 1, max: 100 }) ?? 5,
    backoffMs,
    ...(maxBackoffMs !== MAX_BACKOFF_MS && { maxBackoffMs }),
    ...(on !== undefined && { on }),
  };
}

export function readLimits(field: Field | undefined): Limits {
  const at = field?.section(['timeout', 'body', 'redirects']);
  return {
    timeoutMs:
      readDuration(at?.('timeout'), { min: 1, max: HOUR_MS }, '1ms to 1h') ?? MINUTE_MS / 2,
    maxBodyBytes: readSize(at?.('body')) ?? 10 * MIB,
    redirects: readInteger(at?.('redirects'), { min: 0, max: 20 }) ?? 5,
  };
}

/** @param fileName the base of a relative `tls.ca` */
export function readNetwork(field: Field | undefined, fileName: string): Network {
  const at = field?.section(['allowPrivate', 'allow', 'proxy', 'tls']);
  const proxy = readProxy(at?.('proxy'));
  const tls = readTls(at?.('tls'), fileName);
  return {
    allowPrivate: readBoolean(at?.('allowPrivate')) ?? false,
    allow: readCidrs(at?.('allow')),
    ...(proxy !== undefined && { proxy }),
    ...(tls !== undefined && { tls }),
  };
}

/** Reads the rate, which may be said as the time between two starts. */
function readStarts(rate: Field | undefined, delay: Field | undefined): Politeness['rate'] {
  if (rate !== undefined) {
    delay?.reportKey('rate and delay say the same; remove one of them');
    return readUnlimited(rate, readRate) ?? 'unlimited';
  }
  const delayMs = readDuration(delay, { min: 1, max: HOUR_MS }, '1ms to 1h');
  return delayMs === undefined ? 'unlimited' : rateOf(delayMs);
}

/** `200ms` is `5/s`: another notation does not make another batch. */
function rateOf(delayMs: number): Rate {
  const perMs = [1000, MINUTE_MS, HOUR_MS].find((unit) => unit % delayMs === 0) ?? delayMs;
  return { count: perMs / delayMs, perMs };
}

function readRobots(field: Field | undefined): Politeness['robots'] | undefined {
  if (field?.text === 'true' || field?.text === 'false') {
    const meant = field.text === 'true' ? 'obey' : 'ignore';
    field.report(`${field.shown} is not allowed; write robots: ${meant}`);
    return undefined;
  }
  return readChoice(field, ['obey', 'ignore']);
}

function readConcurrency(field: Field | undefined): number | undefined {
  return readInteger(field, { min: 1, max: 100_000 });
}

function readRate(field: Field | undefined) {
  return readQuantity(field, {
    parse: parseRate,
    sizeOf: ({ count }) => count,
    what: 'a rate',
    allowed: 'N/s, N/m, N/h or unlimited',
    min: 1,
    max: 1_000_000,
  });
}

function readDuration(
  field: Field | undefined,
  bounds: { readonly min: number; readonly max: number },
  range: string,
): number | undefined {
  const allowed = `${range}, written like ${DURATION_EXAMPLES}`;
  return readQuantity(field, {
    parse: parseDurationMs,
    sizeOf: itself,
    what: 'a duration',
    allowed,
    ...bounds,
  });
}

function readSize(field: Field | undefined): number | undefined {
  return readQuantity(field, {
    parse: parseSize,
    sizeOf: itself,
    what: 'a size',
    allowed: '1B to 256MiB, written like 64KiB, 1MB or 10MiB',
    min: 1,
    max: MAX_BODY_BYTES,
  });
}

function readCidrs(field: Field | undefined): string[] {
  if (field === undefined) {
    return [];
  }
  if (!field.isList) {
    field.report(`${field.shown} is not a list; write it like [169.254.169.254/32]`);
  }
  return field.items().flatMap((item) => {
    if (item.text !== undefined && isCidr(item.text)) {
      return [item.text];
    }
    item.report(
      `${item.shown} is not a CIDR range; write it like 10.0.0.0/8, 169.254.169.254/32 or fe80::/10`,
    );
    return [];
  });
}
