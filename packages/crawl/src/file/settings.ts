import { isCidr } from '../model/address.ts';
import type { Limits, NetworkPolicy, Plan, Politeness } from '../model/plan.ts';
import { DURATION_EXAMPLES, parseDurationMs } from '../model/duration.ts';
import { parseRate, parseSize } from '../model/quantity.ts';
import { MAX_BACKOFF_MS } from '../outcome/backoff.ts';
import { readStatuses } from './answers.ts';
import type { Field } from './field.ts';
import { readBoolean, readChoice, readInteger, readQuantity, readUnlimited } from './read-field.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DEFAULT_BACKOFF_MS = 1_000;
const MIB = 2 ** 20;
/** Every fetch in flight holds its body in memory, and a record is one string. */
const MAX_BODY_BYTES = 256 * MIB;

const itself = (value: number) => value;

export function readPoliteness(field: Field | undefined): Politeness {
  const at = field?.section(['rate', 'burst', 'concurrency', 'robots', 'patience']);
  return {
    rate: readUnlimited(at?.('rate'), readRate) ?? 'unlimited',
    burst: readInteger(at?.('burst'), { min: 1, max: 10_000 }) ?? 1,
    concurrency: readUnlimited(at?.('concurrency'), readConcurrency) ?? 16,
    robots: readChoice(at?.('robots'), ['obey', 'ignore']) ?? 'obey',
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

export function readNetwork(field: Field | undefined): NetworkPolicy {
  const at = field?.section(['allowPrivate', 'allow']);
  return {
    allowPrivate: readBoolean(at?.('allowPrivate')) ?? false,
    allow: readCidrs(at?.('allow')),
  };
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
