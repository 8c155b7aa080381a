import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { barriers } from './accessibility.ts';
import type { View } from './busy-fleet.ts';
import { PageFleet } from './page-fleet.ts';
import { useTabs } from './tabs.ts';
import { fillViews } from './views.ts';

const tabs = useTabs();
let fleet: PageFleet;
let views: readonly View[];

beforeAll(async () => {
  fleet = await PageFleet.start();
  views = await fillViews(fleet);
});

closeAfterEach();

/** What makes the whole page scroll to the side. */
async function tooWide(page: Page): Promise<string[]> {
  const found = await page.evaluate(`
    document.documentElement.scrollWidth <= document.documentElement.clientWidth
      ? []
      : [...document.querySelectorAll('body *')]
          .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
          .map((element) => 'too wide: ' + element.outerHTML.slice(0, 120))`);
  return found as string[];
}

async function focused(page: Page): Promise<unknown> {
  return page.evaluate(`document.activeElement.getAttribute('aria-label') ||
    document.activeElement.textContent`);
}

describe('every view', () => {
  it.each(['light', 'dark'] as const)('has no barriers, wide and narrow, %s', async (scheme) => {
    const found: string[] = [];
    for (const { name, address, text } of views) {
      // A new tab each: a bookmark leads there as well.
      const { page, context } = await tabs.open(`${fleet.address}${address}`, { scheme });
      await page.getByText(text).first().waitFor();
      for (const width of [1280, 360]) {
        await page.setViewportSize({ width, height: 860 });
        const problems = [...(await barriers(page)), ...(await tooWide(page))];
        found.push(...problems.map((problem) => `${name} ${width}: ${problem}`));
      }
      await context.close();
    }
    expect(found).toEqual([]);
  });
});

describe('the keyboard', () => {
  it('searches, moves, opens, starts a batch, and shows its keys', async () => {
    const { page } = await tabs.open(`${fleet.address}#/batches`);
    const links = page.getByRole('table').locator('a.id');
    await links.first().waitFor();
    const ids = await links.allTextContents();
    await page.keyboard.press('j');
    expect(await focused(page)).toBe(ids[0]);
    // Faster than the page is drawn.
    await page.evaluate(`for (const key of 'jjk') {
      dispatchEvent(new KeyboardEvent('keydown', { key }));
    }`);
    expect(await focused(page)).toBe(ids[1]);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: ids[1] ?? '' }).waitFor();
    await page.keyboard.press('/');
    expect(await focused(page)).toContain('Search');
    await page.keyboard.type('njk?'); // letters there, and no commands
    await page.keyboard.press('Enter');
    await page.getByText('No record is like that.').waitFor();
    expect(page.url()).toBe(`${fleet.address}#/batches/${ids[1]}/records?text=njk%3F`);
    await page.keyboard.press('/');
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

  it('finds schedules, batches and origins from anywhere', async () => {
    const { page } = await tabs.open(fleet.address);
    const { host } = new URL(fleet.api);
    const found: readonly (readonly [text: string, heading: string, address: string])[] = [
      ['nightly', 'Schedules', '#/schedules?open=nightly'],
      ['partly', 'Batches', '#/batches?text=partly'],
      [host, 'Origins', `#/origins?text=${encodeURIComponent(host)}`],
      ['nothing like it', 'Batches', '#/batches?text=nothing+like+it'],
    ];
    for (const [text, heading, address] of found) {
      await page.goto(`${fleet.address}#/`);
      await page.getByRole('searchbox', { name: /^Search/u }).fill(text);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: heading, exact: true }).waitFor();
      expect(page.url()).toBe(`${fleet.address}${address}`);
    }
  });

  it('stays in a dialog, and comes back to what has opened it', async () => {
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
    const failed = views.find(({ name }) => name === 'failed')?.address ?? '';
    const { page } = await tabs.open(`${fleet.address}${failed}`);
    const button = page.getByRole('button', { name: 'Export' });
    await button.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('menu').waitFor();
    await eventually(async () => expect(await focused(page)).toBe('NDJSON'));
    await page.keyboard.press('ArrowDown');
    expect(await focused(page)).toBe('CSV');
    expect(await barriers(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('menu').waitFor({ state: 'detached' });
    expect(await focused(page)).toContain('Export');
  });
});

describe('the colours', () => {
  it('are those of the system until somebody chooses others, which stay', async () => {
    const tab = await tabs.open(fleet.address, { scheme: 'dark' });
    const { page } = tab;
    const ground = async () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    await page.getByRole('heading', { name: 'Under way' }).waitFor();
    const dark = await ground();
    await page.getByRole('button', { name: 'Colours: system' }).click();
    const light = await ground();
    expect(light).not.toBe(dark);
    const other = await tabs.openBeside(tab, fleet.address);
    await other.page.getByRole('button', { name: 'Colours: light' }).click();
    await other.page.getByRole('button', { name: 'Colours: dark' }).waitFor();
  });
});
