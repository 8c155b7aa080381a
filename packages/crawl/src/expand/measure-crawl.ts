import { setImmediate } from 'node:timers/promises';
import { expandCrawl } from './expand-crawl.ts';
import { InputError, type Problem } from '../model/input-error.ts';
import { readListFile } from '../values/list-file.ts';
import type { ReadOptions } from '../values/list-row.ts';
import { isListFile, labelOf, type ListFile } from '../model/parameter-source.ts';
import { isReadableOnTheWay, originOf, problemOfUrl } from '../model/url.ts';
import { secretNames } from '../model/secrets.ts';
import type { Crawl, ParameterSource } from '../model/plan.ts';
import { problemOfCounts, sourceLength, totalOf } from '../values/source-length.ts';
import { compileTemplate } from '../model/template.ts';

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
/** Chunks between two yields to the event loop. */
const CHUNKS_PER_TURN = 20;

/**
 * Validates and counts before anything is enqueued: reads every list file once, and expands every
 * URL if a parameter is part of the host.
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
  const { checks } = compileTemplate(crawl.plan.url, crawl.plan.params);
  for (const source of crawl.sources) {
    counts[labelOf(source)] = await countValues(source, { problems, checks, signal });
  }
  problems.throwIfAny(fileName);
  const problem = problemOfCounts(counts, crawl.combine);
  if (problem !== undefined) {
    problems.add({ file: fileName, key: 'params', message: problem });
  }
  problems.throwIfAny(fileName);
  const plainOrigin = await checkUrls(crawl, { problems, fileName, signal });
  problems.throwIfAny(fileName);
  const total = totalOf(counts, crawl.combine);
  return { total, counts, ...(plainOrigin !== undefined && { plainOrigin }) };
}

interface Counting extends Pick<ReadOptions, 'checks' | 'signal'> {
  readonly problems: ProblemList;
}

async function countValues(source: ParameterSource, counting: Counting): Promise<number> {
  return isListFile(source) ? countLines(source, counting) : (sourceLength(source) ?? 0);
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

interface UrlCheck {
  readonly problems: ProblemList;
  readonly fileName: string;
  readonly signal: AbortSignal | undefined;
}

/** @returns an origin that gets secrets over plain http */
async function checkUrls(
  crawl: Crawl,
  { problems, fileName, signal }: UrlCheck,
): Promise<string | undefined> {
  const { plan } = crawl;
  const { constantOrigin, expand } = compileTemplate(plan.url, plan.params);
  const hasSecrets = secretNames(plan.headers).length > 0;
  if (constantOrigin !== undefined) {
    return hasSecrets && isReadableOnTheWay(constantOrigin) ? constantOrigin : undefined;
  }
  let plainOrigin: string | undefined;
  let chunks = 0;
  for await (const chunk of expandCrawl(withoutOrigins(crawl), { signal })) {
    for (const { index, values } of chunk) {
      const url = expand(values);
      const problem = problemOfUrl(url, plan.network);
      if (problem !== undefined && ENCODED_URL.test(url)) {
        // The same is wrong with every value.
        problems.add({ file: fileName, key: 'url', message: encodedUrl(plan.url) });
        return undefined;
      }
      if (problem !== undefined) {
        problems.add({ file: fileName, key: 'url', message: `fetch ${index}: ${problem}` });
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

/** The same values with a valid host, because the expansion throws for an invalid URL. */
function withoutOrigins(crawl: Crawl): Crawl {
  return { ...crawl, plan: { ...crawl.plan, url: 'http://unchecked.invalid/' } };
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
