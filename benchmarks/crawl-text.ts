export interface BenchCrawl {
  /** With `{n}` for the number of the fetch. */
  readonly url: string;
  readonly fetches: number;
  /** The first n. @default 0 */
  readonly from?: number;
  /** Fetches in flight that the gate allows, per origin. @default 'unlimited' */
  readonly limit?: number | 'unlimited';
  /** @default 'attempts: 1' */
  readonly retry?: string;
  /** @default '30s' */
  readonly timeout?: string;
  /** Whether some are meant to fail. @default false */
  readonly mayFail?: boolean;
  /** More parameters, as in a crawl file. @default none */
  readonly params?: string;
}

/** A crawl file. Every URL is different, as it is with ids. */
export function crawlText(crawl: BenchCrawl): string {
  const { url, fetches, from = 0, limit = 'unlimited', params = '' } = crawl;
  const { retry = 'attempts: 1', timeout = '30s' } = crawl;
  return `
name: bench
url: ${url}
params: { ${params}n: { from: ${from}, to: ${from + fetches - 1} } }
politeness: { concurrency: ${limit}, robots: ignore }
retry: { ${retry} }
limits: { timeout: ${timeout} }
network: { allowPrivate: true }
`;
}
