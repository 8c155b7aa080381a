import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { barriers } from './accessibility.ts';
import { PageFleet } from './page-fleet.ts';
import { useTabs } from './tabs.ts';
import { fillViews } from './views.ts';

const tabs = useTabs();

closeAfterEach();

/** Elements that are wider than the page and in nothing that scrolls by itself. */
const TOO_WIDE = `[...document.querySelectorAll('body *')]
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
  .filter((element) => element.checkVisibility() && !element.closest('.hidden, .json, pre'))
  .map((element) => element.outerHTML.slice(0, 120))`;

async function focused(page: Page): Promise<unknown> {
  return page.evaluate(`document.activeElement.getAttribute('aria-label') ||
    document.activeElement.textContent`);
}

describe('every view', () => {
  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 360],
    ['dark', 360],
  ] as const)('has no barriers and fits, %s and %i wide', async (scheme, width) => {
    const fleet = await PageFleet.start();
    const found: unknown[] = [];
    for (const { name, address, text } of await fillViews(fleet)) {
      // A new tab each: a bookmark leads there as well.
      const { page, context } = await tabs.open(`${fleet.address}${address}`, { scheme, width });
      await page.getByText(text).first().waitFor();
      const wide = (await page.evaluate(TOO_WIDE)) as string[];
      const scrolls = await page.evaluate(
        'document.documentElement.scrollWidth > document.documentElement.clientWidth',
      );
      const problems = [...(await barriers(page)), ...(scrolls === true ? wide : [])];
      found.push(...problems.map((problem) => `${name}: ${problem}`));
      await context.close();
    }
    expect(found).toEqual([]);
  });
});

describe('the keyboard', () => {
  it('searches, moves, opens, starts a batch, and shows its keys', async () => {
    const fleet = await PageFleet.start();
    const views = await fillViews(fleet);
    const failed = views.find(({ name }) => name === 'failed')?.text;
    const { page } = await tabs.open(`${fleet.address}#/batches`);
    const links = page.getByRole('table').locator('a.id');
    await links.first().waitFor();
    const ids = await links.allTextContents();
    await page.keyboard.press('j');
    expect(await focused(page)).toBe(ids[0]);
    await page.keyboard.press('j');
    expect(await focused(page)).toBe(ids[1]);
    await page.keyboard.press('k');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: ids[1] ?? '' }).waitFor();
    expect(failed).toBe('HTTP 404');
    await page.keyboard.press('/');
    expect(await focused(page)).toContain('Search');
    await page.keyboard.type('njk?');
    await page.keyboard.press('Escape');
    expect(await focused(page)).not.toContain('Search');
    await page.keyboard.press('?');
    const keys = page.getByRole('dialog', { name: 'Keys' });
    await keys.getByText('next and previous row').waitFor();
    await page.keyboard.press('n'); // what is behind a dialog gets no keys
    await page.keyboard.press('Escape');
    await keys.waitFor({ state: 'detached' });
    await page.keyboard.press('n');
    await page.getByRole('heading', { name: 'New batch' }).waitFor();
  });

  it('stays in a dialog, and comes back to what has opened it', async () => {
    const fleet = await PageFleet.start();
    const views = await fillViews(fleet);
    const batch = views.find(({ name }) => name === 'batch')?.address ?? '';
    const { page } = await tabs.open(`${fleet.address}${batch}`);
    const button = page.getByRole('button', { name: 'Cancel', exact: true });
    await button.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    for (let step = 0; step < 6; step += 1) {
      await page.keyboard.press('Tab');
      const isOut = `document.activeElement !== document.body &&
        document.activeElement.closest('dialog') === null`;
      expect(await page.evaluate(isOut)).toBe(false);
    }
    expect(await barriers(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await eventually(async () => expect(await focused(page)).toBe('Cancel'));
  });

  it('reaches every action of a menu', async () => {
    const fleet = await PageFleet.start();
    const views = await fillViews(fleet);
    const failed = views.find(({ name }) => name === 'failed')?.address ?? '';
    const { page } = await tabs.open(`${fleet.address}${failed}`);
    const button = page.getByRole('button', { name: 'Retry failed' });
    await button.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('menu').waitFor();
    await eventually(async () => expect(await focused(page)).toBe('all 50'));
    await page.keyboard.press('ArrowDown');
    expect(await focused(page)).toBe('http-error 50');
    expect(await barriers(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('menu').waitFor({ state: 'detached' });
    expect(await focused(page)).toContain('Retry failed');
  });
});

describe('the colours', () => {
  it('are those of the system until somebody chooses others, which stay', async () => {
    const fleet = await PageFleet.start({ workers: 0 });
    const tab = await tabs.open(fleet.address, { scheme: 'dark' });
    const { page } = tab;
    const ground = async () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    await page.getByText('Nothing is under way').waitFor();
    const dark = await ground();
    await page.getByRole('button', { name: 'Colours: system' }).click();
    const light = await ground();
    expect(light).not.toBe(dark);
    const other = await tabs.openBeside(tab, fleet.address);
    await other.page.getByRole('button', { name: 'Colours: light' }).click();
    await other.page.getByRole('button', { name: 'Colours: dark' }).waitFor();
  });
});
