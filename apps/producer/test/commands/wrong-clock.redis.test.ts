import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { installLeakGuard, shiftedClock } from '@fetchfleet/testing';
import { crawlFile } from '../cli-fixture.ts';
import { FleetProject } from '../fleet-fixture.ts';

const DAY_MS = 86_400_000;
const AHEAD = shiftedClock(40 * DAY_MS);

let fleet: FleetProject;

beforeEach(async () => {
  fleet = await FleetProject.create();
});

afterEach(async () => fleet.remove());

installLeakGuard();

it('reckons ages by the clock of Redis', async () => {
  const batch = await fleet.enqueue(crawlFile(fleet.origin.url, 1));
  await fleet.json('cancel', batch);
  const listed = await fleet.project.run(['batches'], AHEAD);
  expect(listed.stdout).toMatch(/ cancelled +[\d.]+ (?:ms|s|min) /u);
  const pruned = await fleet.project.run(['prune', '--older-than', '30d', '--yes'], AHEAD);
  expect(pruned).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('No batch ended more than 30d ago'),
  });
  const named = await fleet.project.run(['prune', batch, '--dry-run'], AHEAD);
  expect(named.stdout + named.stderr).toMatch(/ cancelled +[\d.]+ (?:ms|s|min) .*ago /u);
  expect(await fleet.ledger.status(batch)).toBeDefined();
});

it('shows the next run of a schedule by the clock of Redis', async () => {
  await fleet.project.write('crawl.yaml', crawlFile(fleet.origin.url, 1));
  const args = ['schedule', 'add', 'crawl.yaml', '--cron', '@daily', '--json'];
  const added = await fleet.project.run(args, AHEAD);
  const { nextRun } = JSON.parse(added.stdout);
  expect(Date.parse(nextRun)).toBeLessThanOrEqual(Date.now() + DAY_MS);
  expect(added.stderr).toMatch(/ 00:00 UTC, in (?:\d+ h|\d+ min|\d+ s)/u);
  const listed = await fleet.project.run(['schedule', 'list'], AHEAD);
  expect(listed.stdout).toMatch(/^test +@daily UTC +in (?:\d+ h|\d+ min|\d+ s)/mu);
});
