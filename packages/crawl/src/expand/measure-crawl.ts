import { setImmediate } from 'node:timers/promises';
import { expandCrawl } from './expand-crawl.ts';
import { totalWithOnly } from './only.ts';
import { InputError, type Problem } from '../model/input-error.ts';
import { readListFile } from '../values/list-file.ts';
import { MAX_VALUE_LENGTH, type ReadOptions } from '../values/list-row.ts';
import { isListFile, keyOf, labelOf, type ListFile } from '../model/parameter-source.ts';
import { isReadableOnTheWay, originOf, problemOfUrl } from '../model/url.ts';
import { secretUses } from '../access/secret-uses.ts';
import type { Crawl, ParameterSource } from '../model/plan.ts';
import { problemOfCounts, sourceLength, totalOf } from '../values/source-length.ts';
import { canBeTooLarge, MAX_REQUEST_BYTES } from '../request/body-size.ts';
import { compileRequest } from '../request/compile-request.ts';
import { jsonParameters, valueChecks } from '../request/value-checks.ts';
import { compileTemplate } from '../request/template.ts';

/** The number of fetches and of values of a crawl. */
export interface CrawlSize {
  readonly total: number;
  /** Values by parameter name, and rows. */
  readonly counts: Readonly<Record<string, number>>;
  /** An origin that gets secrets over plain http. @default none does */
  readonly plainOrigin?: string;
}

/** Further problems are only counted. */
const MAX_PROBLEMS = 20;
/** What a template makes of a value that is a whole URL. */
const ENCODED_URL = /^https?%3A%2F%2F/i;
const HEAD = /^\{([\w.%]+)[^}]*\}/;
/** More than the longest number or name of a country has. */
const MAX_MADE_LENGTH = 100;
/** Chunks between two yields to the event loop. */
const CHUNKS_PER_TURN = 20;

/**
 * Validates and counts before anything is enqueued: reads every list file once, and expands every
 * fetch if a parameter is part of the host, or if values could make a body too large.
 *
 * @param fileName the crawl file, for messages; the name of the crawl by default
 * @throws InputError with the first 20 problems and the number of the others
 */
export async function measureCrawl(
  crawl: Crawl,
  signal?: AbortSignal,
  fileName = crawl.plan.name,
): Promise<CrawlSize> {
  const problems = new ProblemList();
  const counts: Record<string, number> = {};
  const checks = valueChecks(crawl.plan);
  const jsonParams = jsonParameters(crawl.plan);
  for (const source of crawl.sources) {
    const counting = { problems, checks, jsonParams, signal, fileName };
    counts[labelOf(source)] = await countValues(source, counting);
  }
  problems.throwIfAny(fileName);
  const problem = problemOfCounts(counts, crawl.combine);
  if (problem !== undefined) {
    problems.add({ file: fileName, key: 'params', message: problem });
  }
  problems.throwIfAny(fileName);
  const plainOrigin = await checkFetches(crawl, { problems, fileName, signal });
  problems.throwIfAny(fileName);
  const total = totalWithOnly(crawl.only, totalOf(counts, crawl.combine));
  return { total, counts, ...(plainOrigin !== undefined && { plainOrigin }) };
}

interface Counting extends Pick<ReadOptions, 'checks' | 'jsonParams' | 'signal'> {
  readonly problems: ProblemList;
  /** The crawl file. */
  readonly fileName: string;
}

async function countValues(source: ParameterSource, counting: Counting): Promise<number> {
  if (isListFile(source)) {
    return countLines(source, counting);
  }
  const { problems, checks, fileName } = counting;
  const problemOf = checks?.get(source.name);
  if (source.kind === 'countries' && problemOf !== undefined) {
    // The names take time to load, and few crawls need them.
    const { countries } = await import('../values/countries.ts');
    const [message] = countries(source.form).flatMap((value) => problemOf(value) ?? []);
    if (message !== undefined) {
      problems.add({ file: fileName, key: keyOf(source), message });
    }
  }
  return sourceLength(source) ?? 0;
}

async function countLines(file: ListFile, { problems, ...options }: Counting): Promise<number> {
  let count = 0;
  const before = problems.count;
  const onProblem = (line: number, message: string) =>
    problems.add({ file: file.path, line, message });
  try {
    for await (const chunk of readListFile(file, { onProblem, ...options })) {
      count += chunk.length;
    }
  } catch (error) {
    if (!(error instanceof InputError)) {
      throw error;
    }
    error.problems.forEach((problem) => problems.add(problem));
  }
  if (count === 0 && problems.count === before) {
    problems.add({ file: file.path, message: 'the file has no values' });
  }
  return count;
}

interface FetchCheck {
  readonly problems: ProblemList;
  readonly fileName: string;
  readonly signal: AbortSignal | undefined;
}

/** @returns an origin that gets secrets over plain http */
async function checkFetches(
  crawl: Crawl,
  { problems, fileName, signal }: FetchCheck,
): Promise<string | undefined> {
  const { plan } = crawl;
  const { constantOrigin, expand, bodyOf } = compileRequest(plan);
  const hasSecrets = secretUses(plan).some(({ origin }) => origin === undefined);
  const isOneOrigin = constantOrigin !== undefined;
  const areSmall = plan.body === undefined || !canBeTooLarge(plan.body, maxLengths(crawl.sources));
  let plainOrigin =
    isOneOrigin && hasSecrets && isReadableOnTheWay(constantOrigin) ? constantOrigin : undefined;
  if (isOneOrigin && areSmall) {
    return plainOrigin;
  }
  const report = (key: string, index: number, problem: string): void =>
    problems.add({ file: fileName, key, message: `fetch ${index}: ${problem}` });
  let chunks = 0;
  for await (const chunk of expandCrawl(withoutOrigins(crawl), { signal })) {
    for (const { index, values } of chunk) {
      if (!areSmall && (bodyOf(values)?.length ?? 0) > MAX_REQUEST_BYTES) {
        report('body', index, 'its body is larger than 1 MiB');
      }
      if (isOneOrigin) {
        continue;
      }
      const url = expand(values);
      const problem = problemOfUrl(url, plan.network);
      if (problem !== undefined && ENCODED_URL.test(url)) {
        // The same is wrong with every value.
        problems.add({ file: fileName, key: 'url', message: encodedUrl(plan.url) });
        return undefined;
      }
      if (problem !== undefined) {
        report('url', index, problem);
      } else if (hasSecrets && plainOrigin === undefined && isReadableOnTheWay(url)) {
        plainOrigin = originOf(url);
      }
    }
    if (++chunks % CHUNKS_PER_TURN === 0) {
      await setImmediate();
    }
  }
  return plainOrigin;
}

function encodedUrl(template: string): string {
  const [expression = '', name = ''] = HEAD.exec(template) ?? [];
  const encoding = `${expression} encodes the ":" and "/" of the whole URLs that it stands for`;
  return `${encoding}; did you mean {+${name}}? A list of whole URLs may also be given as urls:`;
}

/** The length of the longest value that a parameter can have. */
function maxLengths(sources: readonly ParameterSource[]): (name: string) => number {
  const lengths = new Map<string, number>();
  for (const source of sources) {
    if (source.kind === 'list') {
      lengths.set(source.name, longest(source.values));
    } else if (source.kind === 'range' || source.kind === 'countries') {
      lengths.set(source.name, MAX_MADE_LENGTH);
    }
  }
  return (name) => lengths.get(name) ?? MAX_VALUE_LENGTH;
}

/** The same values with a valid host, because the expansion throws for an invalid URL. */
function withoutOrigins(crawl: Crawl): Crawl {
  // It names the same parameters, because that decides how their values are read.
  const { variables } = compileTemplate(crawl.plan.url, []);
  const query = variables.length === 0 ? '' : `{?${variables.join()}}`;
  return { ...crawl, plan: { ...crawl.plan, url: `http://unchecked.invalid/${query}` } };
}

class ProblemList {
  readonly #reported: Problem[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(problem: Problem): void {
    this.#count++;
    if (this.#reported.length < MAX_PROBLEMS) {
      this.#reported.push(problem);
    }
  }

  throwIfAny(fileName: string): void {
    if (this.#count === 0) {
      return;
    }
    const unreported = this.#count - this.#reported.length;
    const rest = unreported === 0 ? [] : [{ file: fileName, message: `and ${unreported} more` }];
    throw new InputError([...this.#reported, ...rest]);
  }
}

function longest(values: readonly string[]): number {
  return values.reduce((length, value) => Math.max(length, value.length), 0);
}
