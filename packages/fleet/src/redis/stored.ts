import type { Crawl, Plan } from '@fetchfleet/crawl';

/*
 * Reads back what `Ledger.register` stored. The crawl file was validated before that, and nothing else writes these fields:
 * a second validation in every worker would only have to be kept equal to the first.
 */

export function storedPlan(json: string): Plan {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return JSON.parse(json) as Plan;
}

export function storedCrawl(plan: string, rest: string): Crawl {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { plan: storedPlan(plan), ...JSON.parse(rest) } as Crawl;
}
