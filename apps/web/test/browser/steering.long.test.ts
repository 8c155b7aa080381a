import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { crawlOf, PageFleet } from './page-fleet.ts';
import { useTabs } from './tabs.ts';

const tabs = useTabs();

closeAfterEach();

/** Drops a crawl file on the editor. */
async function drop(page: Page, crawlFile: string): Promise<void> {
  await page.evaluate(`{
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([${JSON.stringify(crawlFile)}], 'crawl.yaml'));
    const event = new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true });
    document.querySelector('textarea').dispatchEvent(event);
  }`);
}

describe('origins', () => {
  it('get limits, lose them, and are tried now', async () => {
    const fleet = await PageFleet.start();
    await fleet.begin(crawlOf(`${fleet.api}/items/{n}?status=429&retryAfter=600`, 20));
    const { page } = await tabs.open(`${fleet.address}#/origins`);
    await page.getByText(/blocked, next try in/u).waitFor();
    await page.getByRole('link', { name: fleet.api }).click();
    const detail = page.locator('.detail');
    await detail.getByText('answered 429, Retry-After 600 s').first().waitFor();
    await detail.getByLabel('rate').fill('3/s');
    await detail.getByLabel('in flight').fill('2');
    await detail.getByRole('button', { name: 'Set limits' }).click();
    const limits = async () => fleet.redis.hgetall(fleet.keys.gateSettings(fleet.api));
    await eventually(async () => expect(Object.keys(await limits()).length).toBeGreaterThan(1));
    await detail.getByText('3/s (set)').waitFor();
    await detail.getByRole('button', { name: 'Unset' }).click();
    await eventually(async () => expect(await limits()).toEqual({}));
    const before = await fleet.served();
    await detail.getByRole('button', { name: 'Try now' }).click();
    await eventually(async () => (await fleet.served()) > before);
    await detail.getByText('tried').first().waitFor();
  });
});

describe('workers', () => {
  it('are drained', async () => {
    const fleet = await PageFleet.start();
    const [worker] = fleet.workers;
    const { page } = await tabs.open(`${fleet.address}#/workers`);
    const table = page.getByRole('table', { name: 'Workers' });
    await table.getByText('0 of 50').waitFor();
    await table.getByText('idle').waitFor();
    const id = (await table.locator('.id').first().textContent()) ?? '';
    await table.getByRole('button', { name: 'Drain' }).click();
    await page.getByRole('status').getByText(id).waitFor();
    expect((await worker?.exit)?.code).toBe(0);
    await page.getByText('No worker runs.').or(table.getByText('gone')).waitFor();
  });
});

describe('schedules', () => {
  it('are added from a crawl file, run, paused, resumed, and have their history', async () => {
    const fleet = await PageFleet.start();
    const { page } = await tabs.open(`${fleet.address}#/schedules`);
    await page.getByText('Nothing is scheduled.').waitFor();
    await page.getByRole('link', { name: '+ New schedule' }).click();
    const crawl = crawlOf(`${fleet.api}/items/{n}`, 5, { name: 'nightly' });
    await page.getByRole('textbox', { name: 'Crawl file' }).fill(crawl);
    await page.getByLabel('Runs at').fill('0 2 * * *');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    const table = page.getByRole('table', { name: 'Schedules' });
    await table.getByRole('link', { name: 'nightly' }).waitFor();
    const known = async () =>
      (await fleet.json<{ schedules: { paused: boolean; nextRun: string }[] }>('schedule', 'list'))
        .schedules[0];
    expect(await known()).toMatchObject({ id: 'nightly', cron: '0 2 * * *', paused: false });
    await table.getByRole('button', { name: 'Pause' }).click();
    await table.getByText('paused').waitFor();
    expect(await known()).toMatchObject({ paused: true });
    await table.getByRole('button', { name: 'Resume' }).click();
    await table.getByRole('button', { name: 'Pause' }).waitFor();
    expect(await known()).toMatchObject({ paused: false });
    await table.getByRole('button', { name: 'Run now' }).click();
    // Its history is open: it was just added.
    const run = page.locator('.detail .events a').first();
    const batch = (await run.textContent()) ?? '';
    await fleet.reaches(batch, 'finished');
    expect(await fleet.settledOf(batch)).toBe(5);
    await run.click();
    await page.getByRole('heading', { name: batch }).waitFor();
    await page.goBack();
    await page.locator('.detail').getByRole('button', { name: 'Remove' }).click();
    const question = page.getByRole('dialog', { name: 'Remove the schedule nightly?' });
    await question.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('Nothing is scheduled.').waitFor();
    expect(await fleet.json('schedule', 'list')).toMatchObject({ schedules: [] });
  });
});

describe('a new batch', () => {
  it('is checked as one types, dropped as a file, shown before it starts, and started', async () => {
    const fleet = await PageFleet.start();
    const { page } = await tabs.open(fleet.address);
    await page.getByRole('link', { name: '+ New batch' }).click();
    const editor = page.getByRole('textbox', { name: 'Crawl file' });
    const start = page.getByRole('button', { name: 'Start', exact: true });
    await editor.fill('name: items\nurl: nonsense\n');
    await page.getByText('Nothing would be fetched.').waitFor();
    expect(await start.isDisabled()).toBe(true);
    await drop(page, crawlOf(`${fleet.api}/items/{n}`, 30));
    const meaning = page.getByRole('region', { name: 'What it means' });
    await meaning.getByText('30').first().waitFor();
    await meaning.getByText(`GET ${fleet.api}/items/5`).waitFor();
    await start.click();
    await page.getByRole('heading', { level: 1, name: /^items-/u }).waitFor();
    const batch = (await page.getByRole('heading', { level: 1 }).textContent()) ?? '';
    await fleet.reaches(batch, 'finished');
    expect(await fleet.settledOf(batch)).toBe(30);
    // What was typed is gone with the start.
    await page.getByRole('link', { name: '+ New batch' }).click();
    expect(await editor.inputValue()).toContain('countries: slug');
  });
});
