import {
  COUNTRY_FORMS,
  type Crawl,
  isBatchId,
  isListFile,
  isProxyProblem,
  isRemoteList,
  keyOf,
  MAX_CA_BYTES,
  MAX_NOTIFY_TARGETS,
  MAX_PROXIES,
  MAX_REFERENCES,
  MAX_SPREAD,
  METHODS,
  NAME_PATTERN,
  NOTIFY_EVENTS,
  type ParameterSource,
  parseProxy,
  type Plan,
  problemOfCertificates,
} from '@fetchfleet/crawl';
import { z } from 'zod';
import type { Receiver } from './notify-field.ts';
import { StoredStateError } from '../redis/stored-state.ts';
import { storedPaginate } from './stored-paginate.ts';
import { storedPath } from './stored-path.ts';

/*
 * What is stored of a crawl is read again only here. The crawl file was validated before it was
 * stored, but whoever can write to Redis can change it: a path that workers would read, a format
 * that would become part of a file name, limits that are no numbers.
 */

const count = z.number().int().nonnegative();
const positive = z.number().int().positive();
const text = z.string();
const batchId = text.refine(isBatchId, 'is no batch id');

const rate = z.object({ count: positive, perMs: z.number().positive() });

const jsonText = text.refine(isJson, 'is no JSON');

const body = z.union([
  z.strictObject({ json: jsonText }),
  z.strictObject({ form: z.array(z.tuple([text, text])) }),
  z.strictObject({ text }),
]);

const statuses = z.array(z.tuple([positive, positive]));

const network = z.object({
  allowPrivate: z.boolean(),
  allow: z.array(text),
  proxy: z
    .union([
      z
        .array(text.refine((url) => !isProxyProblem(parseProxy(url)), 'is no proxy'))
        .min(1)
        .max(MAX_PROXIES),
      z.literal('env'),
    ])
    .exactOptional(),
  tls: z
    .strictObject({
      ca: text
        .max(MAX_CA_BYTES)
        .refine((pem) => problemOfCertificates(pem) === undefined, 'holds no certificates')
        .exactOptional(),
      insecure: z.literal(true).exactOptional(),
    })
    .exactOptional(),
});

const auth = z.union([
  z.strictObject({ basic: z.strictObject({ user: text, password: text }) }),
  z.strictObject({ bearer: text }),
  z.strictObject({
    oauth2: z.strictObject({
      tokenUrl: text.regex(/^https?:/).refine((url) => URL.canParse(url), 'is no URL'),
      clientId: text,
      clientSecret: text,
      scope: text.exactOptional(),
      audience: text.exactOptional(),
      style: z.literal('form').exactOptional(),
    }),
  }),
]);

const politeness = z.object({
  rate: z.union([rate, z.literal('unlimited')]),
  burst: positive,
  concurrency: z.union([positive, z.literal('unlimited')]),
  robots: z.enum(['obey', 'ignore']),
  patienceMs: z.number().nonnegative(),
});

const plan = z.object({
  name: text.regex(NAME_PATTERN),
  contact: text.exactOptional(),
  url: text.min(1),
  params: z.array(text),
  method: z.enum(METHODS).exactOptional(),
  body: body.exactOptional(),
  idempotencyKey: z.literal(false).exactOptional(),
  headers: z.record(text, text),
  politeness,
  retry: z.object({
    attempts: positive,
    backoffMs: z.number().nonnegative(),
    maxBackoffMs: z.number().positive().exactOptional(),
    on: statuses.exactOptional(),
  }),
  limits: z.object({ timeoutMs: positive, maxBodyBytes: positive, redirects: count }),
  network,
  auth: auth.exactOptional(),
  priority: z.enum(['low', 'high']).exactOptional(),
  paginate: storedPaginate.exactOptional(),
  expect: z
    .object({
      status: statuses.exactOptional(),
      has: storedPath.exactOptional(),
      hasNot: storedPath.exactOptional(),
    })
    .exactOptional(),
  keep: z
    .object({
      headers: z.union([z.array(text.min(1)), z.literal('all')]).exactOptional(),
      body: z.literal('none').exactOptional(),
      select: storedPath.exactOptional(),
    })
    .exactOptional(),
  revalidate: z.literal(true).exactOptional(),
  comparedWith: z
    .strictObject({ batch: batchId, refersTo: z.array(batchId).max(MAX_REFERENCES) })
    .exactOptional(),
});

const usablePlan = plan
  .refine(hasNoBodyToIgnore, 'a GET or HEAD has no body')
  .refine(canRevalidate, 'such answers cannot be revalidated');

const rules = z.object({
  trim: z.boolean(),
  blank: z.enum(['refuse', 'keep', 'skip']),
  comment: text.min(1).exactOptional(),
  delimiter: text.length(1).exactOptional(),
  encoding: text.exactOptional(),
});

const name = text.min(1);
const integer = z.number().int();

const place = {
  path: text.regex(/\.(?:csv|txt|ndjson)$|^https?:\/\//i, 'is no list file'),
  format: z.enum(['csv', 'txt', 'ndjson']),
};

const column = z.object({
  param: name,
  column: text.exactOptional(),
  optional: z.literal(true).exactOptional(),
});

const source = z.discriminatedUnion('kind', [
  z.object({ name, kind: z.literal('list'), values: z.array(text) }),
  z.object({ name, kind: z.literal('countries'), form: z.enum(COUNTRY_FORMS) }),
  z.object({
    name,
    kind: z.literal('range'),
    from: integer,
    to: integer,
    step: integer.refine((value) => value !== 0, 'is zero').exactOptional(),
    pad: integer.min(1).max(32).exactOptional(),
  }),
  z.object({
    name,
    kind: z.literal('file'),
    ...place,
    column: text.exactOptional(),
    rules: rules.exactOptional(),
  }),
  z.object({
    name,
    kind: z.literal('batch'),
    batch: batchId,
    select: text.min(1),
    unique: z.literal(true).exactOptional(),
    blank: z.enum(['refuse', 'keep', 'skip']).exactOptional(),
  }),
  z.object({ kind: z.literal('rows'), ...place, columns: z.array(column).min(1), rules }),
]);

const only = z.union([
  z.strictObject({ first: positive }),
  z.strictObject({ spread: positive.max(MAX_SPREAD), of: positive }),
]);

const receiver = z.strictObject({
  url: text.min(1),
  secret: text.exactOptional(),
  on: z.array(z.enum(NOTIFY_EVENTS)),
  failures: z.number().positive().max(1).exactOptional(),
  format: z.enum(['webhook', 'slack']).exactOptional(),
});

const rest = z.object({
  sources: z.array(source),
  combine: z.enum(['product', 'zip']),
  only: only.exactOptional(),
  notify: z.array(receiver).max(MAX_NOTIFY_TARGETS).exactOptional(),
});

const crawl = rest.extend({ plan: usablePlan });

/** @throws StoredStateError */
export function parseStoredPlan(json: string): Plan {
  return parse(usablePlan, json);
}

/**
 * @param storedPlan as it is stored with a batch
 * @param others sources and combination, likewise
 * @throws StoredStateError
 */
export function parseStoredCrawl(storedPlan: string, others: string): Crawl {
  const { sources, combine, only: some, notify } = parse(rest, others);
  return {
    plan: parseStoredPlan(storedPlan),
    sources,
    combine,
    ...(some !== undefined && { only: some }),
    ...(notify !== undefined && { notify }),
  };
}

/**
 * The crawl of a schedule. Its lists are at URLs or stored with it: workers read no files of their
 * own machine.
 *
 * @throws StoredStateError
 */
export function parseScheduledCrawl(json: string): Crawl {
  return withoutLocalLists(parse(crawl, json));
}

/**
 * A crawl that a worker may expand: its lists are at URLs or stored in Redis.
 *
 * @throws StoredStateError
 */
export function withoutLocalLists(found: Crawl): Crawl {
  const local = found.sources.find(isReadHere);
  if (local !== undefined) {
    throw new StoredStateError(
      `the crawl in Redis names a file of this machine for ${keyOf(local)}`,
    );
  }
  return found;
}

const storedReceiver = z.strictObject({
  ...receiver.pick({ url: true, secret: true, format: true }).shape,
  network,
  politeness,
});

/** @throws StoredStateError */
export function parseReceiver(json: string): Receiver {
  return parse(storedReceiver, json);
}

/** Whether values come from a file or from results of this machine. */
function isReadHere(one: ParameterSource): boolean {
  return one.kind === 'batch' || (isListFile(one) && !isRemoteList(one.path));
}

function parse<T>(schema: z.ZodType<T>, json: string): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new StoredStateError('the crawl in Redis is not JSON', { cause });
  }
  const found = schema.safeParse(value);
  if (found.success) {
    // As it came: fingerprints and comparisons depend on the order of keys.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema has found it valid
    return value as T;
  }
  const [issue] = found.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new StoredStateError(`the crawl in Redis is not valid: ${where}: ${issue?.message}`);
}

/** The transports would differ in what they make of one. */
function hasNoBodyToIgnore({ method = 'GET', body: sent }: Pick<Plan, 'method' | 'body'>): boolean {
  return sent === undefined || (method !== 'GET' && method !== 'HEAD');
}

/** As the crawl file is read: a 304 has no next page, and HEAD no body to compare. */
function canRevalidate(one: Pick<Plan, 'revalidate' | 'method' | 'paginate'>): boolean {
  return one.revalidate !== true || (one.method !== 'HEAD' && one.paginate === undefined);
}

function isJson(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}
