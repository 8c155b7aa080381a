// Draws docs/images/web-VIEW-SCHEME-WIDTH.png: every view of a fleet at work, in light and dark, on
// a wide and a narrow screen.
import { join } from 'node:path';
import { closeResources, openResources, repositoryRoot, startRedis } from '@fetchfleet/testing';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { Chromium } from './chromium.ts';
import { busyFleet, type View } from './busy-fleet.ts';

const FOLDER = join(repositoryRoot, 'docs/images');
const SCREENS = [
  { width: 1280, most: 1_000 },
  { width: 360, most: 1_400 },
] as const;

const redis = await startRedis();
const { fleet, views } = await busyFleet(redis.url);
const chromium = await Chromium.start();
// Somebody looks all the time, so that each page finds how fast batches are.
const watcher = await chromium.open(fleet.address);
await watcher.page
  .getByText(/^in \d+ (?:s|min)/u)
  .first()
  .waitFor();
for (const scheme of ['light', 'dark'] as const) {
  for (const { width, most } of SCREENS) {
    for (const view of views) {
      const { page, context, problems } = await chromium.open(`${fleet.address}${view.address}`, {
        scheme,
        width,
        height: 600,
      });
      await settled(page, view);
      const height = await heightOf(page, most);
      await page.setViewportSize({ width, height });
      const png = await page.screenshot();
      // Few colours: a third of the size, and no difference to see.
      const path = join(FOLDER, `web-${view.name}-${scheme}-${width}.png`);
      await sharp(png).png({ palette: true, colours: 128, effort: 10 }).toFile(path);
      for (const problem of problems) {
        process.stderr.write(`${view.name}: ${problem}\n`);
      }
      await context.close();
    }
  }
}
await closeResources(openResources());

async function settled(page: Page, { text }: View): Promise<void> {
  await page.getByText(text).first().waitFor();
  await page.locator('header .health.unknown').waitFor({ state: 'detached' });
  await page.locator('.chart:not(:has(canvas))').waitFor({ state: 'detached' });
  await page.evaluate('document.fonts.ready.then(() => undefined)');
}

/** As high as the page, so far as it is worth a look. */
async function heightOf(page: Page, most: number): Promise<number> {
  const height = `document.querySelector('.page').getBoundingClientRect().height`;
  return Math.max(360, Math.min(most, Math.ceil(Number(await page.evaluate(height)))));
}
