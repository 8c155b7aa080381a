import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { closeAfterEach, eventually, freePort, startProcess } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { crawlOf, PageFleet } from './page-fleet.ts';
import { useTabs } from './tabs.ts';

const TOKEN = 'a token of some length';
/** It is not in the path of users there. */
const DEBIAN_NGINX = '/usr/sbin/nginx';
/** What a browser says of the answers that ask for the token. */
const REFUSED = /status of 401/u;

const tabs = useTabs();

closeAfterEach();

async function logIn(page: Page, token: string): Promise<void> {
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** A reverse proxy as `docs/web.md` has it. @returns the port it listens on */
async function startNginx(fleet: PageFleet, base: string): Promise<number> {
  const port = await freePort();
  const config = `daemon off; master_process off; pid ${fleet.folder}/nginx.pid;
error_log stderr warn;
events {}
http {
  access_log off;
  client_body_temp_path ${fleet.folder}/nginx-body; proxy_temp_path ${fleet.folder}/nginx-proxy;
  fastcgi_temp_path ${fleet.folder}/nginx-f; uwsgi_temp_path ${fleet.folder}/nginx-u;
  scgi_temp_path ${fleet.folder}/nginx-s;
  server {
    listen 127.0.0.1:${port};
    location ${base}/ {
      proxy_pass ${new URL(fleet.address).origin};
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_buffering off;
    }
  }
}
`;
  const file = join(fleet.folder, 'nginx.conf');
  await writeFile(file, config);
  const program = existsSync(DEBIAN_NGINX) ? DEBIAN_NGINX : 'nginx';
  await startProcess(program, ['-c', file, '-e', 'stderr']);
  await eventually(async () => (await fetch(`http://127.0.0.1:${port}${base}/`)).ok);
  return port;
}

describe('a page with a token', () => {
  it('asks for it, refuses another one, and keeps it as long as the browser', async () => {
    const fleet = await PageFleet.start({ workers: 0, flags: ['--token', TOKEN] });
    const tab = await tabs.open(`${fleet.address}#/workers`, { expected: REFUSED });
    const { page } = tab;
    await page.getByLabel('Token').waitFor();
    expect(await page.getByRole('button', { name: 'Log in' }).isDisabled()).toBe(true);
    await logIn(page, `${TOKEN}.`);
    await page.getByRole('alert').waitFor();
    await logIn(page, TOKEN);
    await page.getByText('No worker runs.').waitFor();
    expect(await page.evaluate('document.cookie')).toBe('');
    expect(await page.evaluate('Object.values(localStorage).join()')).not.toContain(TOKEN);
    const other = await tabs.openBeside(tab, `${fleet.address}#/schedules`);
    await other.page.getByText('Nothing is scheduled.').waitFor();
  });
});

describe('a page behind a reverse proxy, at a path of it', () => {
  it('is logged in to, steers, and is live', async () => {
    const flags = ['--base', '/fetchfleet', '--token', TOKEN, '--trust-proxy'];
    const fleet = await PageFleet.start({ flags });
    const batch = await fleet.begin(
      crawlOf(`${fleet.api}/items/{n}`, 250, { politeness: '{ rate: 5/s, robots: ignore }' }),
    );
    const port = await startNginx(fleet, '/fetchfleet');
    const address = `http://127.0.0.1:${port}/fetchfleet/#/batches/${batch}`;
    const { page } = await tabs.open(address, { expected: REFUSED });
    await logIn(page, TOKEN);
    await page.getByRole('heading', { name: batch }).waitFor();
    const progress = page.getByRole('region', { name: 'Progress' });
    const first = (await progress.textContent()) ?? '';
    await eventually(async () => (await progress.textContent()) !== first);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    expect(await fleet.stateOf(batch)).toBe('paused');
    await page.getByRole('link', { name: 'Schedules' }).click();
    await page.getByText('Nothing is scheduled.').waitFor();
    expect(page.url()).toBe(`http://127.0.0.1:${port}/fetchfleet/#/schedules`);
  });
});

describe('a page that is read-only', () => {
  it('shows everything and offers no action', async () => {
    const fleet = await PageFleet.start({ flags: ['--read-only'] });
    const url = `${fleet.api}/items/{n}`;
    const crawl = await fleet.write(crawlOf(url, 5, { name: 'nightly' }));
    await fleet.run('schedule', 'add', crawl, '--cron', '0 2 * * *');
    const failed = await fleet.finish(
      crawlOf(`${url}?status=404`, 5, { retry: '{ attempts: 1 }' }),
    );
    const slow = await fleet.begin(
      crawlOf(url, 250, { politeness: '{ rate: 2/s, robots: ignore }' }),
    );
    const { page } = await tabs.open(fleet.address);
    await page.getByText('read-only', { exact: true }).waitFor();
    const views = {
      '#/': slow,
      [`#/batches/${slow}`]: 'What happened',
      [`#/batches/${failed}`]: 'HTTP 404',
      [`#/batches/${failed}/records?open=1`]: 'copy URL',
      [`#/origins?open=${encodeURIComponent(fleet.api)}`]: 'in flight at most',
      '#/workers': 'working',
      '#/schedules?open=nightly': 'crawl file',
      '#/new': 'This page is read-only',
    };
    const offered: string[] = [];
    for (const [view, text] of Object.entries(views)) {
      await page.goto(`${fleet.address}${view}`);
      await page.getByText(text).first().waitFor();
      offered.push(...(await page.locator('button, a.button').allTextContents()));
    }
    const harmless = /^(?:[◐○●]|copy URL|copy as curl|Export ▾|History|[▸▾] .*)$/u;
    expect(offered.filter((name) => !harmless.test(name))).toEqual([]);
  });
});
