import {
  COUNTRY_FORMS,
  type Crawl,
  isRemoteList,
  METHODS,
  NAME_PATTERN,
  type Plan,
} from '@fetchfleet/crawl';
import { z } from 'zod';
import { StoredStateError } from '../redis/stored-state.ts';
import { storedPaginate } from './stored-paginate.ts';

/*
 * What is stored of a crawl is read again only here. The crawl file was validated before it was
 * stored, but whoever can write to Redis can change it: a path that workers would read, a format
 * that would become part of a file name, limits that are no numbers.
 */

const count = z.number().int().nonnegative();
const positive = z.number().int().positive();
const text = z.string();

const rate = z.object({ count: positive, perMs: z.number().positive() });

const jsonText = text.refine(isJson, 'is no JSON');

const body = z.union([
  z.strictObject({ json: jsonText }),
  z.strictObject({ form: z.array(z.tuple([text, text])) }),
  z.strictObject({ text }),
]);

const plan = z.object({
  name: text.regex(NAME_PATTERN),
  contact: text.exactOptional(),
  url: text.min(1),
  params: z.array(text),
  method: z.enum(METHODS).exactOptional(),
  body: body.exactOptional(),
  idempotencyKey: z.literal(false).exactOptional(),
  headers: z.record(text, text),
  politeness: z.object({
    rate: z.union([rate, z.literal('unlimited')]),
    burst: positive,
    concurrency: z.union([positive, z.literal('unlimited')]),
    robots: z.enum(['obey', 'ignore']),
    patienceMs: z.number().nonnegative(),
  }),
  retry: z.object({ attempts: positive, backoffMs: z.number().nonnegative() }),
  limits: z.object({ timeoutMs: positive, maxBodyBytes: positive, redirects: count }),
  network: z.object({ allowPrivate: z.boolean(), allow: z.array(text) }),
  paginate: storedPaginate.exactOptional(),
});

const usablePlan = plan.refine(hasNoBodyToIgnore, 'a GET or HEAD has no body');

const rules = z.object({
  trim: z.boolean(),
  blank: z.enum(['refuse', 'keep', 'skip']),
  comment: text.min(1).exactOptional(),
  delimiter: text.length(1).exactOptional(),
  encoding: text.exactOptional(),
});

const name = text.min(1);

const source = z.discriminatedUnion('kind', [
  z.object({ name, kind: z.literal('list'), values: z.array(text) }),
  z.object({ name, kind: z.literal('countries'), form: z.enum(COUNTRY_FORMS) }),
  z.object({ name, kind: z.literal('range'), from: z.number().int(), to: z.number().int() }),
  z.object({
    name,
    kind: z.literal('file'),
    path: text.regex(/\.(?:csv|txt|ndjson)$|^https?:\/\//i, 'is no list file'),
    format: z.enum(['csv', 'txt', 'ndjson']),
    column: text.exactOptional(),
    rules: rules.exactOptional(),
  }),
]);

const rest = z.object({
  sources: z.array(source),
  combine: z.enum(['product', 'zip']),
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
  const { sources, combine } = parse(rest, others);
  return { plan: parseStoredPlan(storedPlan), sources, combine };
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
  const local = found.sources.find((one) => one.kind === 'file' && !isRemoteList(one.path));
  if (local !== undefined) {
    throw new StoredStateError(`the crawl in Redis names a file of this machine for ${local.name}`);
  }
  return found;
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

function isJson(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}
