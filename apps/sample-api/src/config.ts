import {
  booleanSetting,
  readSettingsTable,
  type Setting,
  settingHelp,
  type SettingsOf,
} from '@fetchfleet/service';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { bodyBytesSchema, delaySchema, NO_FAULTS, shareSchema } from './dials.ts';
import type { SampleApiOptions } from './server.ts';

/** Every flag; `--help` and the checks are made from this table. */
const SETTINGS = {
  port: {
    flags: '--port <port>',
    help: 'port to listen on; 0 takes any that is free',
    default: '8787',
    schema: z.coerce.number().int().min(0).max(65_535),
  },
  host: {
    flags: '--host <address>',
    help: 'address to listen on',
    default: '127.0.0.1',
    schema: z.string().min(1),
  },
  latencyMs: {
    flags: '--latency <time>',
    help: 'wait before every answer, like 100ms',
    default: `${NO_FAULTS.latencyMs}ms`,
    schema: delaySchema,
  },
  jitterMs: {
    flags: '--jitter <time>',
    help: 'wait up to this much longer, drawn for each request',
    default: `${NO_FAULTS.jitterMs}ms`,
    schema: delaySchema,
  },
  errors: {
    flags: '--errors <share>',
    help: 'share of requests answered with 500, 0 to 1',
    default: `${NO_FAULTS.errors}`,
    schema: shareSchema,
  },
  throttle: {
    flags: '--throttle <share>',
    help: 'share of requests answered with 429, 0 to 1',
    default: `${NO_FAULTS.throttle}`,
    schema: shareSchema,
  },
  limitPerSecond: {
    flags: '--limit <rate>',
    help: 'answers in a second, like 50/s; the rest gets 429 (default none)',
    schema: z
      .string()
      .regex(/^[1-9]\d{0,8}\/s$/, 'must be a rate like 50/s')
      .transform((rate) => Number.parseInt(rate, 10))
      .optional(),
  },
  bodyBytes: {
    flags: '--body-bytes <count>',
    help: 'exact size of a body (default about 1.2 kB)',
    schema: bodyBytesSchema.optional(),
  },
  /** Prints the address as a JSON document. */
  json: {
    flags: '--json',
    help: 'print {"origin": …} instead of a sentence',
    default: false,
    schema: booleanSetting(),
  },
} as const satisfies Record<string, Setting>;

export interface Config {
  readonly api: SampleApiOptions;
  readonly json: SettingsOf<typeof SETTINGS>['json'];
}

export function createCommand(): Command {
  const command = new Command('fetchfleet-sample-api').description(
    'A small country API to try things on: /country/{slug}/status/confirmed. All figures are synthetic.',
  );
  for (const setting of Object.values(SETTINGS)) {
    command.addOption(new Option(setting.flags, settingHelp(setting)));
  }
  return command.addHelpText(
    'after',
    `
Every dial is also a query parameter: ?latency=100&jitter=20&error=0.1&throttle=0.1&status=503&retryAfter=2&bytes=50000
Which requests fail depends only on the country and how often it was asked for, so a run can be repeated.
Other pages: /countries /stats /healthz /robots.txt`,
  );
}

/** @throws SettingsError with every flag that is wrong */
export function parseConfig(flags: Readonly<Record<string, unknown>>): Config {
  const { json, ...api } = readSettingsTable(SETTINGS, { flags, env: {} });
  return { api, json };
}
