import type { Crawl, Plan } from '@fetchfleet/crawl';

/*
 * Reads back what `Ledger.register` stored. It was validated before, and no other code writes these
 * fields. A second validation in every worker would have to be kept equal to the first.
 */

export function storedPlan(json: string): Plan {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return JSON.parse(json) as Plan;
}

export function storedCrawl(plan: string, rest: string): Crawl {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { plan: storedPlan(plan), ...JSON.parse(rest) } as Crawl;
}
