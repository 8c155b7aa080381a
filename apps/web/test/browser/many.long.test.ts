import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { aliveWorker, manyBatches, manyOrigins } from '../fleet-data.ts';
import { PageFleet } from './page-fleet.ts';
import { useTabs } from './tabs.ts';

const tabs = useTabs();

closeAfterEach();

describe('a page of a large fleet', () => {
  it('works with 2,000 batches, 10,000 origins and 500 workers', async () => {
    const fleet = await PageFleet.start({ workers: 0 });
    await manyBatches(fleet, { ended: 1_500, running: 500 });
    await manyOrigins(fleet, 10_000);
    await Promise.all(Array.from({ length: 500 }, async (_, at) => aliveWorker(fleet, `w-${at}`)));
    const { page } = await tabs.open(fleet.address);
    await page.getByText('500 workers').waitFor();
    await page.getByRole('link', { name: '450 more' }).waitFor();
    await page.getByRole('link', { name: 'Batches' }).click();
    const batches = page.getByRole('table', { name: 'Batches' }).locator('tbody tr');
    await batches.first().waitFor();
    await page.getByLabel('name or id').fill('batch-00007');
    await page.getByRole('link', { name: 'batch-00007' }).waitFor();
    expect(await batches.count()).toBe(1);
    await page.getByRole('link', { name: 'Origins' }).click();
    await page.getByRole('table', { name: 'Origins' }).waitFor();
    await page.getByLabel('origin', { exact: true }).fill('o-9876.');
    const origins = page.getByRole('table', { name: 'Origins' }).locator('tbody tr');
    await page.getByText('1 of 1, the worst first').waitFor();
    expect(await origins.count()).toBe(1);
    await page.getByRole('link', { name: 'Workers' }).click();
    const workers = page.getByRole('table', { name: 'Workers' }).locator('tbody tr');
    await workers.nth(499).waitFor();
    expect(await workers.count()).toBe(500);
    await page.getByLabel('id or host').fill('w-321');
    await workers.nth(1).waitFor({ state: 'detached' });
    expect(await workers.locator('.id').first().textContent()).toBe('w-321');
  });
});
