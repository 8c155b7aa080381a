import { type Crawl, isListFile, keyOf, type ParameterSource, type Plan } from '@fetchfleet/crawl';
import { formatBytes, formatDuration } from '../report/units.ts';

/** What differs between an unfinished batch and the crawl file. */
export interface CrawlChanges {
  /** Politeness, retry and limits: the fetches stay the same. `politeness.rate: 20/s → 5/s` */
  readonly settings: readonly string[];
  /** All others, by key in the crawl file and without values: headers are not for a screen. */
  readonly others: readonly string[];
}

/** Sections whose keys do not change what is fetched. */
const SETTINGS = ['politeness', 'retry', 'limits'] as const;

/**
 * Compares the crawl that a batch was registered with, and that of the crawl file.
 *
 * @param hasSameLists whether the list files have the content that they had then
 */
export function crawlChanges(before: Crawl, now: Crawl, hasSameLists: boolean): CrawlChanges {
  const settings = SETTINGS.flatMap((section) =>
    changedKeys(before.plan[section], now.plan[section]).map(([key, was, is]) =>
      describe(`${section}.${key}`, was, is),
    ),
  );
  const plain = ['url', 'contact'] as const;
  const params = changedParams(before, now);
  // The content is not compared where a parameter itself has changed.
  const lists =
    hasSameLists || params.length > 0
      ? []
      : [`the content of ${listPlaces(now.sources).join(', ')}`];
  const others = [
    ...plain.filter((key) => before.plan[key] !== now.plan[key]),
    ...changedKeys(before.plan.headers, now.plan.headers).map(([name]) => `headers.${name}`),
    ...changedKeys(before.plan.network, now.plan.network).map(([key]) => `network.${key}`),
    ...(before.combine === now.combine ? [] : ['combine']),
    ...(isEqual(before.only, now.only) ? [] : ['what --limit and --sample choose']),
    ...params,
    ...changedElsewhere(before.plan, now.plan),
    ...lists,
  ];
  return { settings, others };
}

type Change = readonly [key: string, before: unknown, now: unknown];

function changedKeys(before: object, now: object): Change[] {
  const old = new Map<string, unknown>(Object.entries(before));
  const current = new Map<string, unknown>(Object.entries(now));
  const keys = [...new Set([...old.keys(), ...current.keys()])];
  return keys
    .filter((key) => !isEqual(old.get(key), current.get(key)))
    .map((key) => [key, old.get(key), current.get(key)]);
}

function changedParams(before: Crawl, now: Crawl): string[] {
  const old = new Map(before.sources.map((source) => [keyOf(source), source]));
  const changed = now.sources.flatMap((source) => {
    const key = keyOf(source);
    const was = old.get(key);
    return isEqual(was, source) ? [] : [`${key}${reading(was, source)}`];
  });
  const keys = new Set(now.sources.map(keyOf));
  const removed = [...old.keys()].filter((key) => !keys.has(key));
  const all = [...changed, ...removed];
  const isReordered = all.length === 0 && !isEqual(before.plan.params, now.plan.params);
  return isReordered ? ['the order of params'] : all;
}

/** Version 0.1 stored no rules for lists. */
function reading(before: ParameterSource | undefined, now: ParameterSource): string {
  const isOf01 = before?.kind === 'file' && before.rules === undefined;
  return isOf01 && now.kind === 'file' ? ' (version 0.1 read lists in another way)' : '';
}

/** What a batch is compared with is no part of a crawl file. */
const COMPARED_ABOVE = ['name', 'url', 'contact', 'params', 'headers', 'network', 'comparedWith'];

/** All other keys, also those that only one version of fetchfleet knows. */
function changedElsewhere(before: Plan, now: Plan): string[] {
  const named = new Set<string>([...COMPARED_ABOVE, ...SETTINGS]);
  return changedKeys(before, now).flatMap(([key]) => (named.has(key) ? [] : [key]));
}

/** Where values come from that are not in the crawl file. */
export function listPlaces(sources: readonly ParameterSource[]): string[] {
  return sources.flatMap((source) => {
    if (source.kind === 'batch') {
      return [`batch ${source.batch}`];
    }
    return isListFile(source) ? [source.path] : [];
  });
}

function describe(key: string, before: unknown, now: unknown): string {
  return `${key.replace(/Ms$/u, '').replace('maxBodyBytes', 'body')}: ${[before, now]
    .map((value) => shown(key, value))
    .join(' → ')}`;
}

const UNITS = new Map([
  [1_000, 's'],
  [60_000, 'm'],
  [3_600_000, 'h'],
]);

function shown(key: string, value: unknown): string {
  if (typeof value === 'number') {
    return key.endsWith('Ms')
      ? formatDuration(value)
      : key.endsWith('Bytes')
        ? formatBytes(value)
        : String(value);
  }
  if (typeof value === 'object' && value !== null && 'count' in value && 'perMs' in value) {
    return `${String(value.count)}/${UNITS.get(Number(value.perMs)) ?? `${String(value.perMs)} ms`}`;
  }
  if (key.endsWith('.on') && Array.isArray(value)) {
    return value.map(shownRange).join(', ') || 'nothing';
  }
  return value === undefined ? 'not set' : JSON.stringify(value).replaceAll('"', '');
}

/** `404` or `500-599`. */
function shownRange(range: readonly [number, number]): string {
  const [from, to] = range;
  return from === to ? String(from) : `${from}-${to}`;
}

/** Both come from JSON, and keys have the order in which the crawl file is read. */
function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
