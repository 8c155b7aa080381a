import { hostname } from 'node:os';
import { Outbox, fleetKeys } from '@fetchfleet/fleet';
import { installLeakGuard } from '@fetchfleet/testing';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { crawlFile } from '../cli-fixture.ts';
import { FleetProject } from '../fleet-fixture.ts';

let fleet: FleetProject;

beforeEach(async () => {
  fleet = await FleetProject.create();
});

afterEach(async () => fleet.remove());

installLeakGuard();

it('says what has happened to a batch and by whom, and what nobody was told yet', async () => {
  const { project, ledger } = fleet;
  await project.write('crawl.yaml', crawlFile(fleet.origin.url, 2, 'notify: https://a.example/x'));
  const hook = ['--notify', 'https://b.example/secret-path', '--notify', 'https://a.example/x'];
  const batch = (await project.call(['start', 'crawl.yaml', ...hook])).stdout.trim();
  await project.call(['pause', batch]);
  await project.call(['resume', batch]);
  await project.call(['cancel', batch]);
  const text = await project.call(['events', batch]);
  expect(text.code).toBe(0);
  const lines = text.stdout.trimEnd().split('\n');
  expect(lines.map((line) => line.split(/ +/u)[1])).toEqual([
    'created',
    'paused',
    'resumed',
    'cancelled',
  ]);
  expect(lines[0]).toMatch(new RegExp(`^\\d{4}-.*Z  created    by \\S+@${hostname()}$`, 'u'));
  const json = await project.call(['events', batch, '--json', '--follow']);
  expect(json.code).toBe(130); // as `status --watch` of a cancelled batch
  expect(
    json.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  ).toMatchObject([
    { batch, number: 1, event: 'created', detail: null },
    { number: 2, event: 'paused' },
    { number: 3, event: 'resumed' },
    { number: 4, event: 'cancelled', by: expect.stringMatching(/@/u) },
  ]);
  const status = await project.call(['status', batch]);
  expect(status.stdout.match(/^not told  cancelled, to https:.*$/gmu)?.toSorted()).toEqual([
    'not told  cancelled, to https://a.example (no worker has sent it yet)',
    'not told  cancelled, to https://b.example (no worker has sent it yet)',
  ]);
  expect((await fleet.json('status', batch)).document).toMatchObject({ undelivered: 2 });
  const [taken] = await new Outbox(fleet.redis, fleetKeys(fleet.name)).take(1, 0);
  expect(taken?.entry.status).toMatchObject({ state: 'cancelled', total: 2 });
  expect(await ledger.state(batch)).toBe('cancelled');
  const unknown = await project.call(['events', 'nothing']);
  expect(unknown).toMatchObject({ code: 2, stdout: '' });
});

it('refuses receivers that cannot be told, before anything is enqueued', async () => {
  const { project } = fleet;
  await project.write('crawl.yaml', crawlFile(fleet.origin.url, 2));
  const flags = ['--notify', 'https://ann:sesame@a.example', '--notify', 'http://169.254.169.254/'];
  const ended = await project.call(['start', 'crawl.yaml', ...flags]);
  expect(ended).toMatchObject({ code: 2, stdout: '' });
  expect(ended.stderr).toMatch(/--notify: .*contains credentials/u);
  expect(ended.stderr).toMatch(/--notify: 169\.254\.169\.254 is a link-local address/u);
  expect(ended.stderr).not.toContain('sesame');
  expect(await fleet.ledger.batches()).toEqual([]);
});
