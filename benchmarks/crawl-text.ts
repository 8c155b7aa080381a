export interface BenchCrawl {
  /** The URL, with `{n}` for the number of the fetch. */
  readonly url: string;
  readonly fetches: number;
  /** The first number. @default 0 */
  readonly from?: number;
  /** Fetches in flight per origin. @default 'unlimited' */
  readonly limit?: number | 'unlimited';
  /** What its politeness says of rate and concurrency. @default the limit above */
  readonly politeness?: string;
  /** @default 'attempts: 1' */
  readonly retry?: string;
  /** @default '30s' */
  readonly timeout?: string;
  /** Whether fetches may fail. @default false */
  readonly mayFail?: boolean;
  /** Additional parameters in crawl file syntax. @default none */
  readonly params?: string;
}

/** The text of a crawl file in which every URL is different. */
export function crawlText(crawl: BenchCrawl): string {
  const { url, fetches, from = 0, limit = 'unlimited', params = '' } = crawl;
  const { retry = 'attempts: 1', timeout = '30s', politeness = `concurrency: ${limit}` } = crawl;
  return `
name: bench
url: ${url}
params: { ${params}n: { from: ${from}, to: ${from + fetches - 1} } }
politeness: { ${politeness}, robots: ignore }
retry: { ${retry} }
limits: { timeout: ${timeout} }
network: { allowPrivate: true }
`;
}
