import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** What people with other eyes, hands and tools would stumble over; empty if nothing is found. */
export async function barriers(page: Page): Promise<string[]> {
  // Not as a script of the page: its policy allows none that is not its own.
  await page.evaluate(`${axe.source}; undefined`);
  const { violations } = (await page.evaluate(
    `axe.run(document, { resultTypes: ['violations'] })`,
  )) as axe.AxeResults;
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}\n${html}\n${failureSummary ?? ''}`),
  );
}
