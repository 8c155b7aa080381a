import { readFile } from 'node:fs/promises';
import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { crawlOf, PageFleet } from './page-fleet.ts';
import { useTabs } from './tabs.ts';

const SLOW = { politeness: '{ rate: 2/s, robots: ignore }' };

const tabs = useTabs();

closeAfterEach();

async function openBatch(fleet: PageFleet, batch: string): Promise<Page> {
  const { page } = await tabs.open(`${fleet.address}#/batches/${batch}`);
  await page.getByRole('heading', { name: batch }).waitFor();
  return page;
}

/** Presses a button that has this name and no other. */
async function press(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click();
}

describe('a batch', () => {
  it('is paused, resumed and cancelled from its page', async () => {
    const fleet = await PageFleet.start();
    const batch = await fleet.begin(crawlOf(`${fleet.api}/items/{n}`, 200, SLOW));
    const page = await openBatch(fleet, batch);
    await press(page, 'Pause');
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    expect(await fleet.stateOf(batch)).toBe('paused');
    await page.getByRole('status').getByText('paused', { exact: false }).waitFor();
    const settled = await fleet.settledOf(batch);
    await press(page, 'Resume');
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    await eventually(async () => (await fleet.settledOf(batch)) > settled + 1);
    await press(page, 'Cancel');
    const question = page.getByRole('dialog', { name: `Cancel ${batch}?` });
    await question.getByRole('button', { name: 'No' }).click();
    await question.waitFor({ state: 'hidden' });
    expect(await fleet.stateOf(batch)).toBe('running');
    await press(page, 'Cancel');
    await question.getByRole('button', { name: 'Cancel it' }).click();
    await fleet.reaches(batch, 'cancelled');
    await page.getByText('■ cancelled').waitFor();
    const events = page.getByRole('region', { name: 'What happened' });
    await events.getByText('cancelled').waitFor();
  });

  it('has its failures by origin and reason, and is retried by outcome and by reason', async () => {
    const fleet = await PageFleet.start();
    const url = `${fleet.api}/items/{n}?status=404`;
    const batch = await fleet.finish(crawlOf(url, 20, { retry: '{ attempts: 1 }' }));
    const page = await openBatch(fleet, batch);
    const failures = page.getByRole('table', { name: 'Failures' });
    await failures.getByText('HTTP 404').waitFor();
    expect(await failures.locator('tbody tr').count()).toBe(1);
    const retried = async (): Promise<number> =>
      Number(await fleet.redis.hget(fleet.keys.batch(batch), 'retries'));
    const choose = async (item: string): Promise<void> => {
      await fleet.reaches(batch, 'finished');
      await press(page, 'Retry failed');
      await page.getByRole('menuitem', { name: item }).click();
    };
    await choose('http-error 20');
    await eventually(async () => (await retried()) === 1);
    await fleet.reaches(batch, 'finished');
    await failures.getByRole('button', { name: 'Retry' }).click();
    await eventually(async () => (await retried()) === 2);
    await fleet.reaches(batch, 'finished');
    await failures.getByRole('link', { name: '20' }).click();
    await page.getByRole('heading', { name: 'Records of' }).waitFor();
    const records = page.getByRole('table', { name: 'Records', exact: true }).locator('tbody tr');
    await eventually(async () => expect(await records.count()).toBe(20));
  });

  it('is downloaded as NDJSON, CSV and Parquet', async () => {
    const fleet = await PageFleet.start();
    const batch = await fleet.finish(crawlOf(`${fleet.api}/items/{n}`, 20));
    const page = await openBatch(fleet, batch);
    const files: Record<string, Buffer> = {};
    for (const title of ['NDJSON', 'CSV', 'Parquet']) {
      const format = title.toLowerCase();
      await page.getByRole('button', { name: 'Export' }).click();
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('menuitem', { name: title }).click(),
      ]);
      expect(download.suggestedFilename()).toBe(`${batch}.${format}`);
      files[format] = await readFile(await download.path());
    }
    const lines = String(files['ndjson']).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { index: number }).index)).toEqual(
      Array.from({ length: 20 }, (_, at) => at),
    );
    expect(String(files['csv']).trim().split('\n')).toHaveLength(21);
    expect(String(files['parquet']?.subarray(0, 4))).toBe('PAR1');
  });

  it('is pruned after a question that says what goes', async () => {
    const fleet = await PageFleet.start();
    const batch = await fleet.finish(crawlOf(`${fleet.api}/items/{n}`, 20));
    const page = await openBatch(fleet, batch);
    await press(page, 'Prune');
    const question = page.getByRole('dialog', { name: `Prune ${batch}?` });
    await question.getByText('Removes 20 fetches of the ledger').waitFor();
    await question.getByRole('button', { name: 'Prune' }).click();
    await page.getByRole('heading', { name: 'Batches' }).waitFor();
    expect(await fleet.redis.exists(fleet.keys.batch(batch))).toBe(0);
  });

  it('is drawn while it goes on', async () => {
    const fleet = await PageFleet.start();
    const batch = await fleet.begin(crawlOf(`${fleet.api}/items/{n}`, 240, SLOW));
    const page = await openBatch(fleet, batch);
    const progress = page.getByRole('region', { name: 'Progress' });
    await progress.getByText('2%', { exact: true }).waitFor();
    await page.getByText('through in').waitFor();
    await page.getByRole('region', { name: 'Origins at work' }).getByText(fleet.api).waitFor();
    await page.getByRole('region', { name: 'Latency' }).locator('rect').first().waitFor();
    await page.getByText(/^Slices: \d+ running/u).click();
    const slices = page.getByRole('table', { name: 'Slices' }).locator('tbody tr');
    await slices.first().waitFor();
    expect(await fleet.stateOf(batch)).toBe('running');
    await slices.first().locator('a').first().click();
    await page.getByRole('heading', { name: `Records of ${batch}` }).waitFor();
    expect(decodeURIComponent(page.url())).toMatch(/records\?index=\d+-\d+(?:,|$)/u);
    await page.getByLabel('index', { exact: true }).fill('0');
    await page
      .getByRole('table', { name: 'Records', exact: true })
      .locator('tbody tr')
      .first()
      .waitFor();
  });

  it('says how many attempts were repeated and refused, as its origin says of the hour', async () => {
    const fleet = await PageFleet.start();
    const retry = { retry: '{ attempts: 2, backoff: 10ms }' };
    const batch = await fleet.finish(crawlOf(`${fleet.api}/items/{n}?status=500`, 7, retry));
    const page = await openBatch(fleet, batch);
    await page.getByRole('region', { name: 'Progress' }).getByText('retried 7').waitFor();
    await page.goto(`${fleet.address}#/origins`);
    const hour = page.getByRole('img', { name: /fetches in the last hour/u });
    await eventually(async () =>
      expect(await hour.getAttribute('aria-label')).toBe('14 fetches in the last hour, 0 refused'),
    );
  });
});

describe('the list of batches', () => {
  it('is filtered by state and name, and announces new ones without moving a row', async () => {
    const fleet = await PageFleet.start();
    const url = `${fleet.api}/items/{n}`;
    const done = await fleet.finish(crawlOf(url, 5, { name: 'alpha' }));
    const slow = await fleet.begin(crawlOf(url, 200, { name: 'beta', ...SLOW }));
    const { page } = await tabs.open(`${fleet.address}#/batches`);
    const rows = page.getByRole('table', { name: 'Batches' }).locator('tbody tr');
    const shown = async (): Promise<string[]> => rows.locator('a.id').allTextContents();
    await eventually(async () => expect(await shown()).toEqual([slow, done]));
    const third = await fleet.finish(crawlOf(url, 5, { name: 'gamma' }));
    await page.getByRole('button', { name: '1 new' }).waitFor();
    expect(await shown()).toEqual([slow, done]);
    await press(page, '1 new');
    await eventually(async () => expect(await shown()).toEqual([third, slow, done]));
    await page.getByLabel('state').selectOption('running');
    await eventually(async () => expect(await shown()).toEqual([slow]));
    expect(page.url()).toBe(`${fleet.address}#/batches?state=running`);
    await page.getByLabel('state').selectOption('all');
    await page.getByLabel('name or id').fill('alp');
    await eventually(async () => expect(await shown()).toEqual([done]));
    await page.getByLabel('name or id').fill('nothing like it');
    await page.getByText('No batch is like that.').waitFor();
  });
});
