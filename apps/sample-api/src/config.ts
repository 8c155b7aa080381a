import {
  booleanSetting,
  readSettingsTable,
  type Setting,
  type SettingsOf,
} from '@fetchfleet/service';
import { settingsCommand } from '@fetchfleet/service/settings-command';
import type { Command } from 'commander';
import { z } from 'zod';
import { CLIENT } from './answers/tokens.ts';
import { bodyBytesSchema, delaySchema, DEFAULT_DIALS, shareSchema } from './http/dials.ts';
import type { SampleApiOptions } from './server.ts';

const PROGRAM = {
  name: 'fetchfleet-sample-api',
  description:
    'A small country API to try things on: /country/{slug}/status/confirmed. All figures are synthetic.',
};

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
    default: `${DEFAULT_DIALS.latencyMs}ms`,
    schema: delaySchema,
  },
  jitterMs: {
    flags: '--jitter <time>',
    help: 'wait up to this much longer, drawn for each request',
    default: `${DEFAULT_DIALS.jitterMs}ms`,
    schema: delaySchema,
  },
  errors: {
    flags: '--errors <share>',
    help: 'share of requests answered with 500, 0 to 1',
    default: `${DEFAULT_DIALS.errors}`,
    schema: shareSchema,
  },
  throttle: {
    flags: '--throttle <share>',
    help: 'share of requests answered with 429, 0 to 1',
    default: `${DEFAULT_DIALS.throttle}`,
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
  return settingsCommand(PROGRAM, SETTINGS).addHelpText(
    'after',
    `
Every dial is also a query parameter: ?latency=100&jitter=20&error=0.1&throttle=0.1&status=503&retryAfter=2&bytes=50000
Which requests fail depends only on what is asked for and how often, so a run can be repeated.
More dials are query parameters only:
  drip=1000                     bytes of the body in a second
  items=250&size=100            length of the lists, and of a page
  loop=3                        the page after the third is the first again
  ids=big                       ids and cursors are numbers beyond 2^53
  urls=absolute                 of next pages; they are relative otherwise
  graphqlError=0.1              share of GraphQL answers with errors
  expiresIn=3600&uses=10        how long a token is good, in seconds and requests
Pages:
  /countries                    the countries
  /items/link                   items in pages: Link header
  /items/next                   the next URL is in the body
  /items/cursor                 a cursor is in the body; GET ?cursor=…, or POST {"cursor":…}
  /items/page?page=1            a counter
  /items/offset?offset=0        an offset
  /items/{id}                   one of them, with ETag, as all of these pages
  /rows/{id}                    echoes any method; GET /rows counts repeated idempotency keys
  /graphql                      POST, with the variable c or code
  /token                        POST, client credentials: ${CLIENT.id}, ${CLIENT.secret}
  /private/…                    all of these pages again; they want a token
  /login                        two redirects that set cookies, to /account, which wants them
  /stats /healthz /robots.txt`,
  );
}

/** @throws SettingsError with every flag that is wrong */
export function parseConfig(flags: Readonly<Record<string, unknown>>): Config {
  const { json, ...api } = readSettingsTable(SETTINGS, { flags, env: {} });
  return { api, json };
}
