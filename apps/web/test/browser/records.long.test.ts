import { closeAfterEach, eventually, startOrigin } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import type { Tab } from './chromium.ts';
import { crawlOf, PageFleet } from './page-fleet.ts';
import { useTabs } from './tabs.ts';

const tabs = useTabs();

closeAfterEach();

async function openRecords(fleet: PageFleet, batch: string, query = ''): Promise<Tab> {
  const tab = await tabs.open(`${fleet.address}#/batches/${batch}/records${query}`);
  await tab.page.getByRole('table', { name: 'Records' }).waitFor();
  return tab;
}

function rowsOf(page: Page): Locator {
  return page.getByRole('table', { name: 'Records' }).locator('tbody tr');
}

async function opened(page: Page): Promise<Locator> {
  const detail = page.locator('.detail.record');
  await detail.waitFor();
  return detail;
}

describe('records', () => {
  it('are filtered, paged and opened, each by an address of its own', async () => {
    const fleet = await PageFleet.start();
    // Of the 250 items there are, the last ones are missing.
    const batch = await fleet.finish(
      crawlOf(`${fleet.api}/items/{n}`, 260, {
        retry: '{ attempts: 1 }',
        keep: '{ headers: all }',
      }),
    );
    const tab = await openRecords(fleet, batch);
    const { page } = tab;
    await eventually(async () => expect(await rowsOf(page).count()).toBe(100));
    await page.getByText('1–100 of 260').first().waitFor();
    await page.getByRole('link', { name: 'Next page' }).first().click();
    await page.getByRole('link', { name: '100', exact: true }).waitFor();
    await page.getByLabel('outcome').selectOption('http-error');
    await eventually(async () => expect(await rowsOf(page).count()).toBe(10));
    expect(page.url()).toBe(`${fleet.address}#/batches/${batch}/records?outcome=http-error`);
    await page.getByLabel('outcome').selectOption('all');
    await page.getByLabel('status').fill('404');
    await eventually(async () => expect(await rowsOf(page).count()).toBe(10));
    await page.getByLabel('status').fill('');
    await page.getByLabel('text in URL or parameter').fill('items/24');
    await eventually(async () => expect(await rowsOf(page).count()).toBe(11));
    await page.getByLabel('origin', { exact: true }).fill('http://other.example');
    await page.getByText('No record is like that.').waitFor();
    await page.getByLabel('origin', { exact: true }).fill(fleet.api);
    await page.getByRole('link', { name: '239', exact: true }).click();
    const detail = await opened(page);
    await detail.getByText(`${fleet.api}/items/240`).waitFor();
    await detail.getByText('"item 240"').waitFor();
    await detail.getByText(/^headers \(\d+\)$/u).click();
    await detail.getByText('content-type').waitFor();
    const other = await tabs.openBeside(tab, page.url());
    await (await opened(other.page)).getByText('"item 240"').waitFor();
  });

  it('are fetched again one by one', async () => {
    const fleet = await PageFleet.start();
    const batch = await fleet.finish(crawlOf(`${fleet.api}/items/{n}`, 3));
    const tab = await openRecords(fleet, batch, '?open=1');
    const { page } = tab;
    const before = await fleet.served();
    await (await opened(page)).getByRole('button', { name: 'fetch again' }).click();
    await page.getByRole('status').getByText(batch).waitFor();
    expect(await fleet.served()).toBe(before + 1);
  });

  it('show what hostile origins answer, and run nothing of it', async () => {
    const fleet = await PageFleet.start();
    const origin = await startOrigin();
    const attack = `<script>top.hacked = parent.hacked = window.hacked = 1</script>`;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" onload="hacked=1"><script>hacked=1</script></svg>`;
    const bodies: [type: string, body: string][] = [
      ['text/html', `<html>${attack}<img src=x onerror="hacked=1"><iframe srcdoc="${svg}">`],
      ['image/svg+xml', svg],
      ['text/html', `<p>${'<b onclick="hacked=1">x</b>'.repeat(400_000)}${attack}`],
      ['application/json', '['.repeat(400_000) + ']'.repeat(400_000)],
      ['application/json', JSON.stringify({ [attack]: attack, __proto__x: [svg] })],
      ['image/png', svg],
      ['text/javascript', 'hacked = 1'],
    ];
    for (const [at, [type, body]] of bodies.entries()) {
      origin.respond(`/a/${at}`, { headers: { 'content-type': type, 'x-html': svg }, body });
    }
    const names = ['"><script>hacked=1</script>', "'><img src=x onerror=hacked=1>", '${7*7}{{1}}'];
    const files = [
      crawlOf(`${origin.url}/a/{n}`, bodies.length - 1, {
        params: `{ n: { from: 0, to: ${bodies.length - 1} } }`,
        keep: '{ headers: all }',
        limits: '{ body: 20MB }',
      }),
      crawlOf(`${origin.url}/b{?n}`, 0, {
        params: `{ n: ${JSON.stringify(names)} }`,
        retry: '{ attempts: 1 }',
      }),
    ];
    const batches: string[] = [];
    for (const file of files) {
      batches.push(await fleet.finish(file));
    }
    const [ofBodies = '', ofNames = ''] = batches;
    const tab = await openRecords(fleet, ofBodies);
    const { page } = tab;
    for (const at of bodies.keys()) {
      await page.getByRole('link', { name: String(at), exact: true }).click();
      const detail = await opened(page);
      await detail.getByText(`${origin.url}/a/${at}`).waitFor();
      await detail.getByRole('link', { name: 'save the body' }).waitFor();
      await page.getByRole('link', { name: String(at), exact: true }).click();
      await detail.waitFor({ state: 'detached' });
    }
    // Where a body is opened by itself, it is no page either.
    const api = `${fleet.address}api/batches/${ofBodies}/records`;
    for (const at of [0, 1, 5]) {
      const alone = await tabs.openBeside(tab, 'about:blank');
      const answer = await alone.page.goto(`${api}/${at}/body`).catch(() => null);
      expect(answer?.headers()['content-type'] ?? 'download').not.toMatch(/html|svg/u);
      expect(await alone.page.evaluate('window.hacked')).toBeUndefined();
      await alone.page.close();
    }
    await page.goto(`${fleet.address}#/batches/${ofNames}/records`);
    for (const name of names) {
      await page.getByText(`n=${name}`, { exact: true }).waitFor();
    }
    await page.getByRole('link', { name: '0', exact: true }).click();
    await opened(page);
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('link', { name: ofNames }).waitFor();
  });
});
