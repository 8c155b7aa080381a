import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { crawlOf, PageFleet } from './page-fleet.ts';
import { useTabs } from './tabs.ts';

const tabs = useTabs();

closeAfterEach();

describe('the overview', () => {
  it('says what to type while there is nothing', async () => {
    const fleet = await PageFleet.start({ workers: 0 });
    const { page } = await tabs.open(fleet.address);
    await page.getByText('Nothing is under way').waitFor();
    expect(await page.locator('main code').first().textContent()).toBe(
      'fetchfleet start crawl.yaml',
    );
    expect(await page.title()).toBe('fetchfleet');
  });

  it('shows a batch as it goes on, and when it has ended', async () => {
    const fleet = await PageFleet.start();
    const { page } = await tabs.open(fleet.address);
    await page.getByText('Nothing is under way').waitFor();
    const batch = await fleet.begin(
      crawlOf(`${fleet.api}/items/{n}`, 250, { politeness: '{ rate: 5/s, robots: ignore }' }),
    );
    const underWay = page.getByRole('table', { name: 'Batches under way' });
    await underWay.getByRole('link', { name: batch }).waitFor();
    const seen = new Set<string>();
    await eventually(async () => {
      seen.add((await underWay.locator('tbody .right').first().textContent()) ?? '');
      return seen.size > 3;
    });
    await fleet.run('origins', 'set', fleet.api, '--rate', '1000/s');
    const ended = page.getByRole('table', { name: 'Batches that ended' });
    await ended.getByRole('link', { name: batch }).waitFor();
    await ended.getByText('100%').waitFor();
    await page.getByText('1 finished today').waitFor();
    await ended.getByRole('link', { name: batch }).click();
    await page.getByRole('heading', { name: batch }).waitFor();
    expect(page.url()).toBe(`${fleet.address}#/batches/${batch}`);
  });

  it('has trouble first, in the words of the fleet', async () => {
    const fleet = await PageFleet.start();
    const other = await fleet.startApi();
    const refusal = 'status=429&retryAfter=600';
    await fleet.begin(crawlOf(`${fleet.api}/items/{n}?${refusal}`, 20));
    await fleet.begin(crawlOf(`${other}/items/{n}?${refusal}`, 1));
    const { page } = await tabs.open(fleet.address);
    const trouble = page.getByRole('region', { name: 'Needs a look' });
    await trouble.getByText('20 fetches wait').waitFor();
    await trouble.getByText('1 fetch waits').waitFor();
    expect(await trouble.getByText('is blocked: 429 Retry-After').count()).toBe(2);
    await eventually(async () => (await page.locator('header .health.attention').count()) === 1);
    await trouble.getByRole('link', { name: fleet.api }).click();
    await page.getByRole('heading', { name: 'Origins' }).waitFor();
    const row = page.getByRole('row').filter({ hasText: fleet.api });
    await row.getByText('blocked, next try in').waitFor();
    expect(page.url()).toContain('#/origins?open=');
  });

  it('says that its server is gone, greys what is old, and goes on when it is back', async () => {
    const fleet = await PageFleet.start();
    const { page } = await tabs.open(fleet.address, {
      expected: /ERR_CONNECTION|ERR_INCOMPLETE|503/u,
    });
    await page.getByText('Nothing is under way').waitFor();
    await fleet.stopWeb();
    const bar = page.getByRole('alert');
    await bar.getByText(/does not answer\. What you see is older than/u).waitFor();
    const filter = `getComputedStyle(document.querySelector('.stale > main')).filter`;
    expect(await page.evaluate(filter)).toBe('grayscale(1)');
    await fleet.startWeb();
    await bar.waitFor({ state: 'detached' });
    const batch = await fleet.finish(crawlOf(`${fleet.api}/items/{n}`, 10));
    await page.getByRole('link', { name: batch }).waitFor();
    expect(await page.locator('.stale').count()).toBe(0);
  });
});
