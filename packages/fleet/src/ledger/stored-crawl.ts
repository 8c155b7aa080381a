import type { Crawl, Plan } from '@fetchfleet/crawl';

/*
 * Parses what `Ledger.register` has stored. The crawl file was validated before that, and nothing
 * else writes these fields: a second validation in every worker would have to be kept equal to the
 * first.
 */

export function parseStoredPlan(json: string): Plan {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return JSON.parse(json) as Plan;
}

export function parseStoredCrawl(plan: string, rest: string): Crawl {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { plan: parseStoredPlan(plan), ...JSON.parse(rest) } as Crawl;
}
