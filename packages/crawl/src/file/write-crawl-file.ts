import { Document, Scalar, visit } from 'yaml';
import { mentionsSecret } from '../access/secrets.ts';
import { DEFAULT_NOTIFY_EVENTS, type NotifyTarget } from '../model/notify.ts';
import { printableLines, printableYaml } from '../model/printable.ts';
import type {
  Crawl,
  ListRules,
  Only,
  ParameterSource,
  Plan,
  RequestBody,
  RowColumn,
} from '../model/plan.ts';
import type { StatusRange } from '../model/status-ranges.ts';
import { parseCrawlFile } from './crawl-file.ts';
import { WHOLE_URL } from './parameters/urls.ts';

/** A key and its value; undefined for what is not written. */
type Section = Readonly<Record<string, unknown>>;

const SIZES = [
  [2 ** 30, 'GiB'],
  [2 ** 20, 'MiB'],
  [2 ** 10, 'KiB'],
  [1, 'B'],
] as const;
const DURATIONS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1_000, 's'],
  [1, 'ms'],
] as const;
const RATE_UNITS = new Map([
  [1_000, 's'],
  [60_000, 'm'],
  [3_600_000, 'h'],
]);

/** Headers with a value that nobody should read, where it is not the name of a secret. */
const CREDENTIAL = /auth|cookie|token|secret|passw|key$/;
const HIDDEN = 'hidden';

/**
 * The crawl file of a crawl, for people: it means the same, but comments, anchors and defaults that
 * were written out are gone. Files that it refers to are absolute. Secrets are names.
 */
export function writeCrawlFile(crawl: Crawl): string {
  const { plan } = crawl;
  const usual = parseCrawlFile('url: https://a.example/', 'x.yaml').plan;
  const urls = wholeUrls(crawl);
  const before: Section = {
    name: plan.name,
    contact: plan.contact,
    ...(urls === undefined ? { url: plan.url } : { urls }),
    ...parameters(crawl.sources.filter((source) => urls === undefined || !isWholeUrl(source))),
    combine: crawl.combine === 'product' ? undefined : crawl.combine,
    method: plan.method,
    headers: orNothing(shownHeaders(plan.headers)),
  };
  const after: Section = {
    idempotencyKey: plan.idempotencyKey,
    politeness: politeness(plan.politeness, usual.politeness),
    retry: retry(plan.retry, usual.retry),
    limits: orNothing({
      timeout: unlessUsual(plan.limits.timeoutMs, usual.limits.timeoutMs, duration),
      body: unlessUsual(plan.limits.maxBodyBytes, usual.limits.maxBodyBytes, size),
      redirects: unlessUsual(plan.limits.redirects, usual.limits.redirects),
    }),
    network: network(plan.network),
    auth: plan.auth,
    priority: plan.priority,
    paginate: plan.paginate && {
      ...plan.paginate,
      max: plan.paginate.max === 1_000 ? undefined : plan.paginate.max,
    },
    expect: plan.expect && { ...plan.expect, status: statuses(plan.expect.status) },
    keep: plan.keep,
    revalidate: plan.revalidate,
    notify: crawl.notify?.map(receiver),
  };
  return [...remarks(crawl), yaml(before), body(plan.body), yaml(after)].join('');
}

function yaml(section: Section): string {
  const set = orNothing(section);
  if (set === undefined) {
    return '';
  }
  const document = new Document(set);
  visit(document, { Scalar: quoteUnprintable });
  return printableYaml(document.toString({ lineWidth: 0 }));
}

/** Only double quotes take the escapes of characters that nobody sees. */
function quoteUnprintable(_: unknown, scalar: Scalar): void {
  if (typeof scalar.value === 'string' && printableLines(scalar.value) !== scalar.value) {
    scalar.type = Scalar.QUOTE_DOUBLE;
  }
}

/** What a crawl file cannot say. */
function remarks({ plan, only }: Crawl): string[] {
  return [
    ...(only === undefined ? [] : [`# Only ${choice(only)} of its fetches are made.\n`]),
    ...(Object.entries(plan.headers).some(isHidden)
      ? ['# Values of headers that look like credentials are hidden.\n']
      : []),
    ...(plan.network.tls?.ca === undefined
      ? []
      : ['# ca.pem stands for the certificates that are stored with the crawl.\n']),
  ];
}

function choice(only: Only): string {
  return 'first' in only ? `the first ${only.first}` : `${only.spread}, evenly spread,`;
}

/** JSON is YAML as it is: written as values, its numbers would lose digits. */
function body(sent: RequestBody | undefined): string {
  if (sent === undefined) {
    return '';
  }
  if ('json' in sent) {
    return `body:\n  json: ${printableYaml(sent.json)}\n`;
  }
  if ('text' in sent) {
    return yaml({ body: sent });
  }
  const form = new Map<string, string[]>();
  for (const [name, value] of sent.form) {
    form.set(name, [...(form.get(name) ?? []), value]);
  }
  const fields = [...form].map(([name, all]) => [name, all.length === 1 ? all[0] : all]);
  return yaml({ body: { form: Object.fromEntries(fields) } });
}

type NamedSource = Exclude<ParameterSource, { kind: 'rows' }>;

function isWholeUrl(source: ParameterSource): source is NamedSource {
  return (source.kind === 'list' || source.kind === 'file') && source.name === 'url';
}

/** `urls:`, which is short for a template and a parameter. */
function wholeUrls({ plan, sources }: Crawl): unknown {
  const source = sources.find(isWholeUrl);
  return plan.url === WHOLE_URL && source !== undefined ? values(source) : undefined;
}

function parameters(sources: readonly ParameterSource[]): Section {
  const params: Record<string, unknown> = {};
  let rows: unknown;
  for (const source of sources) {
    if (source.kind === 'rows') {
      const { path: file, format, columns: all, rules } = source;
      const optional = all.filter((one) => one.optional === true).map(({ param }) => param);
      rows = compact({
        file,
        columns: columns(all),
        optional: optional.length === 0 ? undefined : optional,
        ...listRules(rules, format),
      });
    } else {
      params[source.name] = values(source);
    }
  }
  return { rows, params: orNothing(params) };
}

function columns(all: readonly RowColumn[]): unknown {
  return all.every(({ param, column = param }) => column === param)
    ? all.map(({ param }) => param)
    : Object.fromEntries(all.map(({ param, column = param }) => [param, column]));
}

function values(source: NamedSource): unknown {
  if (source.kind === 'list') {
    return source.values;
  }
  if (source.kind === 'countries') {
    return { countries: source.form };
  }
  if (source.kind === 'file') {
    const { path: file, column, rules, format } = source;
    return compact({ file, column, ...(rules && listRules(rules, format)) });
  }
  const { name: _, kind: __, ...rest } = source;
  return rest;
}

function listRules({ trim, blank, ...rest }: ListRules, format: string): Section {
  return {
    trim: unlessUsual(trim, true),
    blank: unlessUsual(blank, format === 'txt' ? 'skip' : 'refuse'),
    ...rest,
  };
}

/** The headers of a request for whoever may see it: what looks like a credential is hidden. */
export function shownHeaders(headers: Plan['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      isHidden([name, value]) ? HIDDEN : value,
    ]),
  );
}

function isHidden([name, value]: readonly [string, string]): boolean {
  return CREDENTIAL.test(name) && value !== '' && !mentionsSecret(value);
}

function politeness(own: Plan['politeness'], usual: Plan['politeness']): unknown {
  const { rate } = own;
  const unit = rate === 'unlimited' ? undefined : RATE_UNITS.get(rate.perMs);
  const isDelay = rate !== 'unlimited' && unit === undefined;
  return orNothing({
    rate: rate === 'unlimited' || isDelay ? undefined : `${rate.count}/${unit}`,
    delay: isDelay ? duration(rate.perMs) : undefined,
    burst: unlessUsual(own.burst, usual.burst),
    concurrency: unlessUsual(own.concurrency, usual.concurrency),
    robots: unlessUsual(own.robots, usual.robots),
    patience: unlessUsual(own.patienceMs, usual.patienceMs, duration),
  });
}

function retry(own: Plan['retry'], usual: Plan['retry']): unknown {
  return orNothing({
    attempts: unlessUsual(own.attempts, usual.attempts),
    backoff: unlessUsual(own.backoffMs, usual.backoffMs, duration),
    maxBackoff: own.maxBackoffMs === undefined ? undefined : duration(own.maxBackoffMs),
    on: statuses(own.on),
  });
}

function network({ allowPrivate, allow, proxy, tls }: Plan['network']): unknown {
  return orNothing({
    allowPrivate: allowPrivate ? true : undefined,
    allow: allow.length === 0 ? undefined : allow,
    proxy,
    tls:
      tls && compact({ ca: tls.ca === undefined ? undefined : 'ca.pem', insecure: tls.insecure }),
  });
}

function receiver({ url, secret, on, failures, format }: NotifyTarget): unknown {
  const usual = JSON.stringify(on) === JSON.stringify(DEFAULT_NOTIFY_EVENTS);
  const rest = compact({
    secret,
    on: usual ? undefined : on,
    failures: failures === undefined ? undefined : `${Number((failures * 100).toFixed(4))}%`,
    format,
  });
  return Object.keys(rest).length === 0 ? url : { url, ...rest };
}

function statuses(ranges: readonly StatusRange[] | undefined): unknown {
  return ranges?.map(([from, to]) => (from === to ? from : `${from}-${to}`));
}

function duration(ms: number): string {
  return withUnit(ms, DURATIONS);
}

function size(bytes: number): string {
  return withUnit(bytes, SIZES);
}

/** In the largest unit that divides it. */
function withUnit(amount: number, units: readonly (readonly [number, string])[]): string {
  const [factor, unit] = units.find(([one]) => amount >= one && amount % one === 0) ?? [
    1,
    units.at(-1)?.[1] ?? '',
  ];
  return `${amount / factor}${unit}`;
}

function unlessUsual<T>(
  own: T,
  usual: T,
  write: (value: T) => unknown = (value) => value,
): unknown {
  return own === usual ? undefined : write(own);
}

function compact(section: Section): Section {
  return Object.fromEntries(Object.entries(section).filter(([, value]) => value !== undefined));
}

function orNothing(section: Section): Section | undefined {
  const set = compact(section);
  return Object.keys(set).length === 0 ? undefined : set;
}
