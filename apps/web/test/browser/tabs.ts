import { afterEach, beforeAll } from '@jest/globals';
import { Chromium, type Tab, type TabOptions } from './chromium.ts';

export interface Tabs {
  /** Opens an address in a profile of its own. */
  open(address: string, options?: TabOptions): Promise<Tab>;
  /** Opens another tab in the profile of one. */
  openBeside(tab: Tab, address: string): Promise<Tab>;
}

/**
 * One browser for the tests of a file. A test whose pages had problems fails, whatever else it
 * looks at. To be called above `closeAfterEach`, which ends the browser.
 */
export function useTabs(): Tabs {
  let chromium: Chromium;
  let opened: Tab[] = [];
  beforeAll(async () => {
    chromium = await Chromium.start();
  });
  afterEach(async () => {
    const tabs = opened;
    opened = [];
    for (const { context } of tabs) {
      await context.close();
    }
    const problems = tabs.flatMap((tab) => tab.problems);
    if (problems.length > 0) {
      throw new Error(`The page had problems:\n${problems.join('\n')}`);
    }
  });
  const keep = (tab: Tab): Tab => {
    opened.push(tab);
    return tab;
  };
  return {
    open: async (address, options) => keep(await chromium.open(address, options)),
    openBeside: async (tab, address) => keep(await chromium.openBeside(tab, address)),
  };
}
