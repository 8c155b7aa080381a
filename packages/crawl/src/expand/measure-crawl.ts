import { setImmediate } from 'node:timers/promises';
import { expandCrawl } from './expand-crawl.ts';
import { InputError, type Problem } from '../model/input-error.ts';
import { readListFile } from '../values/list-file.ts';
import type { ListFile } from '../values/list-row.ts';
import { problemOfUrl } from '../model/url.ts';
import type { Crawl, ParameterSource } from '../model/plan.ts';
import { problemOfCounts, sourceLength, totalOf } from '../values/source-length.ts';
import { compileTemplate } from '../model/template.ts';

/** The number of fetches and of values of a crawl. */
export interface CrawlSize {
  readonly total: number;
  /** Values by parameter name. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Further problems are only counted. */
const MAX_PROBLEMS = 20;
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
  for (const source of crawl.sources) {
    counts[source.name] = await countValues(source, problems, signal);
  }
  problems.throwIfAny(fileName);
  const problem = problemOfCounts(counts, crawl.combine);
  if (problem !== undefined) {
    problems.add({ file: fileName, key: 'params', message: problem });
  }
  problems.throwIfAny(fileName);
  await checkUrls(crawl, { problems, fileName, signal });
  problems.throwIfAny(fileName);
  return { total: totalOf(counts, crawl.combine), counts };
}

async function countValues(
  source: ParameterSource,
  problems: ProblemList,
  signal?: AbortSignal,
): Promise<number> {
  return source.kind === 'file'
    ? countLines(source, problems, signal)
    : (sourceLength(source) ?? 0);
}

async function countLines(
  file: ListFile,
  problems: ProblemList,
  signal?: AbortSignal,
): Promise<number> {
  let count = 0;
  const before = problems.count;
  const onProblem = (line: number, message: string) =>
    problems.add({ file: file.path, line, message });
  try {
    for await (const chunk of readListFile(file, { onProblem, signal })) {
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

async function checkUrls(crawl: Crawl, { problems, fileName, signal }: UrlCheck): Promise<void> {
  const { plan } = crawl;
  const { constantOrigin, expand } = compileTemplate(plan.url, plan.params);
  if (constantOrigin !== undefined) {
    return;
  }
  let chunks = 0;
  for await (const chunk of expandCrawl(withoutOrigins(crawl), { signal })) {
    for (const { index, values } of chunk) {
      const problem = problemOfUrl(expand(values), plan.network);
      if (problem === undefined) {
        continue;
      }
      problems.add({ file: fileName, key: 'url', message: `fetch ${index}: ${problem}` });
    }
    if (++chunks % CHUNKS_PER_TURN === 0) {
      await setImmediate();
    }
  }
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
