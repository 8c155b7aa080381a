import { parseSettings } from '@fetchfleet/service';
import { Command } from 'commander';
import { z } from 'zod';
import { NO_FAULTS, bodyBytesSchema, delaySchema, shareSchema } from './dials.ts';
import type { SampleApiOptions } from './server.ts';

export interface Config {
  readonly api: SampleApiOptions;
  /** Says where it listens as a JSON document. */
  readonly json: boolean;
}

const schema = z.object({
  port: z.coerce.number().int().min(0).max(65_535),
  host: z.string().min(1),
  latency: delaySchema.default(NO_FAULTS.latencyMs),
  jitter: delaySchema.default(NO_FAULTS.jitterMs),
  errors: shareSchema.default(NO_FAULTS.errors),
  throttle: shareSchema.default(NO_FAULTS.throttle),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,8}\/s$/, 'must be a rate like 50/s')
    .transform((rate) => Number.parseInt(rate, 10))
    .optional(),
  bodyBytes: bodyBytesSchema.optional(),
  json: z.boolean().default(false),
});

/** The command line, as `--help` shows it. */
export function createCommand(): Command {
  return new Command('fetchfleet-sample-api')
    .description(
      'A small country API to try things on: /country/{slug}/status/confirmed. All figures are synthetic.',
    )
    .option('--port <port>', 'port to listen on; 0 takes any that is free', '8787')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--latency <time>', 'wait before every answer, like 100ms (default 0ms)')
    .option('--jitter <time>', 'up to so much more, drawn for each request (default 0ms)')
    .option('--errors <share>', 'share of requests answered with 500, 0 to 1 (default 0)')
    .option('--throttle <share>', 'share of requests answered with 429, 0 to 1 (default 0)')
    .option('--limit <rate>', 'answers in a second, like 50/s; the rest gets 429 (default none)')
    .option('--body-bytes <count>', 'exact size of a body (default about 1.2 kB)')
    .option('--json', 'print {"origin": …} instead of a sentence')
    .addHelpText(
      'after',
      `
Every dial is also a query parameter: ?latency=100&jitter=20&error=0.1&throttle=0.1&status=503&retryAfter=2&bytes=50000
Which requests fail depends only on the country and how often it was asked for, so a run can be repeated.
Other pages: /countries /stats /healthz /robots.txt`,
    );
}

/** @throws SettingsError with every flag that is wrong */
export function parseConfig(flags: Record<string, unknown>): Config {
  const settings = parseSettings(schema, flags, describeFlag);
  const { port, host, latency, jitter, errors, throttle, limit, bodyBytes, json } = settings;
  const dials = { latencyMs: latency, jitterMs: jitter, errors, throttle, bodyBytes };
  return { api: { port, host, limitPerSecond: limit, ...dials }, json };
}

function describeFlag(path: readonly PropertyKey[]): string {
  const name = path.map(String).join('.');
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
