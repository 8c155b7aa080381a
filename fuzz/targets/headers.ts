import {
  dispositionOf,
  type FetchResult,
  originErrorOf,
  originVerdictOf,
  requestedDelayOf,
} from '@fetchfleet/crawl';
import * as fc from 'fast-check';
import { textNear } from '../mutations.ts';
import { holds, type Target } from '../target.ts';

const NOW = 1_732_320_000_000;
const MAX_RETRY_AFTER_MS = 3_600_000;
const CONTROL = /\p{Cc}/u;

const VALUES = [
  '120',
  'Fri, 31 Dec 1999 23:59:59 GMT',
  'Sunday, 06-Nov-94 08:49:37 GMT',
  'Sun Nov  6 08:49:37 1994',
  'Sat, 23 Nov 2024 00:01:00 GMT',
  '"default";r=0;t=30, "daily";r=9;t=3600',
  'limit=100, remaining=0, reset=30',
  '1732320060',
  '1732320060000',
  '0',
];
const NAMES = [
  'retry-after',
  'date',
  'age',
  'ratelimit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'x-rate-limit-remaining',
  'x-rate-limit-reset',
];

interface Input {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly message: string;
}

export const headersTarget: Target = {
  name: 'headers',
  title: 'Retry-After, rate limits, dates and ages of answers: delays within their bounds',
  cpuMs: 1_000,
  open: async () => ({
    arbitrary: fc.record<Input>({
      status: fc.constantFrom(200, 202, 204, 301, 403, 408, 425, 429, 500, 503, 599),
      headers: fc.dictionary(fc.constantFrom(...NAMES), textNear(VALUES), { maxKeys: 4 }),
      message: textNear(['read ECONNRESET', 'Parse Error: Invalid header value char']),
    }),
    check,
  }),
};

function check({ status, headers, message }: Input): void {
  const exchanged = { startedAt: NOW, durationMs: 5 };
  checkResult({ kind: 'response', status, headers, body: Buffer.alloc(0), ...exchanged });
  checkResult({
    kind: 'failure',
    outcome: 'network-error',
    code: 'HTTP_INVALID',
    message,
    bytes: 0,
    ...exchanged,
  });
}

function checkResult(result: FetchResult): void {
  const delay = requestedDelayOf(result, NOW, MAX_RETRY_AFTER_MS);
  for (const ms of [delay?.blockMs ?? 0, delay?.retryAfterMs ?? 0]) {
    holds(ms >= 0 && ms <= MAX_RETRY_AFTER_MS, 'a delay is from 0 to the maximum', delay);
  }
  const disposition = dispositionOf(result, {
    attempts: 0,
    throttledSince: 0,
    deniedForMs: 0,
    now: NOW,
    plan: {
      retry: { attempts: 5, backoffMs: 1_000 },
      politeness: {
        rate: 'unlimited',
        burst: 1,
        concurrency: 1,
        robots: 'obey',
        patienceMs: MAX_RETRY_AFTER_MS,
      },
    },
    random: () => 0.5,
    delay,
  });
  const { delayMs } = { delayMs: 0, ...disposition };
  holds(delayMs >= 0 && delayMs <= MAX_RETRY_AFTER_MS, 'a fetch waits in bounds', disposition);
  originVerdictOf(result, delay?.isRefusal === true);
  const shown = originErrorOf(result, delay);
  holds(!CONTROL.test(shown) && shown.length <= 200, 'what an origin did is one short line', shown);
}
