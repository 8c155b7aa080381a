import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BatchRemoval, fleetKeys, type Ledger, ScheduleStore } from '@fetchfleet/fleet';
import { eventually, installLeakGuard, type Origin } from '@fetchfleet/testing';
import { crawlFile, type Ended, type Project } from '../../cli-fixture.ts';
import { FleetProject } from '../../fleet-fixture.ts';

/** Has no tick while a test runs. */
const OPEN = '--allow-private';
const NEW_YEAR = ['--cron', '0 0 1 1 *', '--tz', 'Europe/Oslo'];
const BATCH = /^test-\d{8}-\d{4}-[0-9a-z]{8}\n$/u;

let fleet: FleetProject;
let project: Project;
let origin: Origin;
let ledger: Ledger;
let schedules: ScheduleStore;

beforeEach(async () => {
  fleet = await FleetProject.create();
  ({ project, origin, ledger } = fleet);
  schedules = new ScheduleStore(fleet.redis, fleetKeys(fleet.name));
});

afterEach(async () => fleet.remove());

installLeakGuard();

async function schedule(...args: readonly string[]): Promise<Ended> {
  return project.call(['schedule', ...args]);
}

/** A crawl over the ids of a list file. */
function listCrawl(list: string, path = '/echo/{n}'): string {
  return crawlFile(origin.url, 1)
    .replace('/echo/{n}', path)
    .replace('{ from: 1, to: 1 }', `{ file: "${list}", column: id }`);
}

/** A crawl over the rows of a list file. */
function rowsCrawl(list: string): string {
  return crawlFile(origin.url, 1)
    .replace('/echo/{n}', '/echo/{n}{?lang}')
    .replace(/params: .*/u, `rows: { file: "${list}", columns: { n: id, lang: lang } }`);
}

describe('a schedule', () => {
  it('can be added, changed, paused, resumed and removed', async () => {
    await project.write('crawl.yaml', crawlFile(origin.url, 3));
    const added = await schedule('add', 'crawl.yaml', ...NEW_YEAR);
    expect(added).toMatchObject({ code: 0, stdout: 'test\n' });
    expect(added.stderr).toMatch(/Scheduled test: next run \d{4}-01-01 00:00 Europe\/Oslo, in /u);
    expect(added.stderr).toContain('no worker is running');
    const again = await schedule('add', 'crawl.yaml', ...NEW_YEAR);
    expect(again.stderr).toContain('test is already scheduled like this');
    const terms = ['--cron', '0 7 * * *', '--overlap', 'queue', '--catch-up', '2d', '--keep', '10'];
    const told = ['--notify', 'https://a.example/hook'];
    const changed = await schedule('add', 'crawl.yaml', ...terms, ...told, '--json');
    expect(changed.stderr).toContain(
      'Changed test (--cron, --tz, --overlap, --catch-up, --keep, crawl file)',
    );
    expect(JSON.parse(changed.stdout)).toMatchObject({
      change: 'changed',
      id: 'test',
      cron: '0 7 * * *',
      tz: 'UTC',
      overlap: 'queue',
      catchUpMs: 2 * 86_400_000,
      keep: { batches: 10 },
      lastSuccess: null,
      paused: false,
      lastRun: null,
      lastBatch: null,
      runs: [],
    });
    const paused = await schedule('pause', 'test', '--json');
    expect(JSON.parse(paused.stdout)).toMatchObject({ paused: true, nextRun: null, changed: true });
    const list = await schedule('list');
    expect(list.stdout).toMatch(/^test +0 7 \* \* \* UTC +paused +– +– +–$/mu);
    expect((await schedule('resume', 'test')).stderr).toMatch(/test is active: next run .* 07:00/u);
    expect(await schedule('remove', 'test')).toMatchObject({ code: 0 });
    expect((await schedule('list')).stderr).toContain('Nothing is scheduled');
    expect(
      await fleet.redis.keys(`*${project.env['FETCHFLEET_FLEET'] ?? ''}}:schedules:repeat*`),
    ).toEqual([]);
  });

  it('runs on request, and its batch can be resumed, without the list files', async () => {
    const released = Promise.withResolvers<void>();
    origin.respond(/^\/echo\//u, async (_, response) => {
      await released.promise;
      response.end('[]');
    });
    await project.write('ids.csv', 'lang,id\nno,a\nse,b\ndk,c\n');
    await project.write('crawl.yaml', rowsCrawl('ids.csv'));
    const worker = await fleet.worker();
    await schedule('add', 'crawl.yaml', ...NEW_YEAR);
    await rm(project.path('ids.csv'));
    const first = await schedule('run-now', 'test');
    expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(BATCH) });
    const second = await schedule('run-now', 'test', '--json');
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/was not started: batch \S+ has not ended \(--overlap/u);
    expect(JSON.parse(second.stdout)).toMatchObject({ state: 'skipped', batch: null });
    released.resolve();
    const batch = first.stdout.trim();
    await eventually(async () => (await ledger.state(batch)) === 'finished');
    expect(origin.arrivalsOf('/echo/b')).toMatchObject([{ url: '/echo/b?lang=se' }]);
    const listed = await schedule('list', 'test');
    expect(listed.stdout).toMatch(new RegExp(`${batch} +finished, all ok`, 'u'));
    expect(listed.stdout).toMatch(new RegExp(`started, by hand +finished .* ${batch}`, 'u'));
    const next = (await schedule('run-now', 'test')).stdout.trim();
    await project.call(['cancel', next]);
    const resumed = await project.call(['resume', next]);
    expect(resumed).toMatchObject({ code: 0 });
    await eventually(async () => (await ledger.state(next)) === 'finished');
    await worker.kill('SIGTERM');
  });

  it('stores only the names of secrets, and warns about those that are not set', async () => {
    const headers = 'headers: { authorization: "Bearer ${env:SCHEDULE_TOKEN}" }';
    await project.write('crawl.yaml', crawlFile(origin.url, 1, headers));
    const without = await schedule('add', 'crawl.yaml', ...NEW_YEAR);
    expect(without).toMatchObject({ code: 0 });
    expect(without.stderr).toContain('SCHEDULE_TOKEN is not set here');
    const env = { SCHEDULE_TOKEN: 'sesame-open' };
    const set = await project.call(['schedule', 'add', 'crawl.yaml', ...NEW_YEAR], env);
    expect(set.stderr).not.toContain('is not set');
    const crawl = JSON.stringify(await schedules.crawl('test'));
    expect(crawl).toContain('${env:SCHEDULE_TOKEN}');
    expect(crawl).not.toContain('sesame');
  });
});

describe('a list at a URL', () => {
  it('is read once per run, and a resume reports that it has changed', async () => {
    let text = 'id,lang\n1,no\n2,se\n';
    origin.respond('/ids.csv', async (_, response) => void response.end(text));
    await project.write('crawl.yaml', rowsCrawl(`${origin.url}/ids.csv`));
    const ran = await project.run(['run', 'crawl.yaml', '--workers', '1', '--json']);
    expect(JSON.parse(ran.stdout)).toMatchObject({ state: 'finished', ok: 2 });
    expect(origin.arrivalsOf('/ids.csv')).toHaveLength(1);
    const started = (await project.call(['start', 'crawl.yaml', OPEN])).stdout.trim();
    text = 'id,lang\n1,no\n2,dk\n';
    const [resumed, closed] = await Promise.all([
      project.call(['resume', started, OPEN]),
      project.call(['resume', started]),
    ]);
    expect([resumed.code, closed.code]).toEqual([2, 2]);
    expect(resumed.stderr).toMatch(/lists have changed.*\/ids\.csv/u);
    expect(closed.stderr).toMatch(/loopback address.*command that reads it/u);
  });

  it('at a private address is read only if the crawl file and the command allow it', async () => {
    origin.respond('/ids.csv', { body: 'id\n1\n' });
    origin.respond('/moved.csv', {
      status: 302,
      headers: { location: 'http://169.254.169.254/ids.csv' },
    });
    await project.write('crawl.yaml', listCrawl(`${origin.url}/ids.csv`));
    await project.write('moved.yaml', listCrawl(`${origin.url}/moved.csv`));
    const closed = await Promise.all([
      project.call(['start', 'crawl.yaml']),
      schedule('add', 'crawl.yaml', ...NEW_YEAR),
    ]);
    for (const { code, stderr } of closed) {
      expect(code).toBe(2);
      expect(stderr).toMatch(/ids\.csv.*127\.0\.0\.1 is a loopback address.*--allow-private/u);
    }
    expect(origin.arrivals).toEqual([]);
    const [open, moved] = await Promise.all([
      project.call(['start', 'crawl.yaml'], { FETCHFLEET_ALLOW_PRIVATE: 'true' }),
      project.call(['start', 'moved.yaml', OPEN]),
    ]);
    expect([open.code, moved.code]).toEqual([0, 2]);
    expect(moved.stderr).toMatch(/169\.254\.169\.254 is a link-local address/u);
  });

  it('that is unavailable is reported as invalid input', async () => {
    origin.respond('/ids.csv', { status: 404 });
    await project.write('crawl.yaml', listCrawl(`${origin.url}/ids.csv`));
    const ended = await schedule('add', 'crawl.yaml', ...NEW_YEAR, OPEN);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/\/ids\.csv: the list cannot be read: it answered 404/u);
  });
});

/** Invalid commands and their messages. All of them exit with 2 and store nothing. */
const WRONG: [args: string[], message: RegExp][] = [
  [['add', 'crawl.yaml'], /required option '--cron/u],
  [['add', 'crawl.yaml', '--cron', 'daily'], /"daily" is no cron pattern; allowed: five fields/u],
  [['add', 'crawl.yaml', '--cron', '0 0 30 2 *'], /never comes/u],
  [['add', 'crawl.yaml', ...NEW_YEAR, '--tz', 'Europe/Olso'], /did you mean Europe\/Oslo/u],
  [['add', 'crawl.yaml', ...NEW_YEAR, '--catch-up', '1 hour'], /--catch-up: "1 hour"; allowed: 0/u],
  [['add', 'crawl.yaml', ...NEW_YEAR, '--overlap', 'kill'], /allowed: skip, queue, allow/u],
  [['add', 'crawl.yaml', ...NEW_YEAR, '--id', 'A b'], /--id: "A b" is not an id; allowed: a-z/u],
  [['add', 'nowhere.yaml', ...NEW_YEAR], /nowhere\.yaml: .*does not exist/u],
  [['add', 'literal.yaml', ...NEW_YEAR], /headers\.authorization/u],
  [['add', 'large.yaml', ...NEW_YEAR], /up to 16 MiB together.*file: https/u],
  [['run-now', 'nigtly'], /no schedule "nigtly" is known; did you mean nightly\?/u],
  [['pause', 'x'], /no schedule "x" is known; known: nightly/u],
  [['resume', 'x'], /no schedule "x"/u],
  [['add', 'crawl.yaml', ...NEW_YEAR, '--keep', '0'], /--keep: "0"; allowed: a number of batches/u],
  [['add', 'crawl.yaml', ...NEW_YEAR, '--keep', '9999d'], /--keep: "9999d"; allowed: .*30d/u],
  [
    ['add', 'crawl.yaml', ...NEW_YEAR, '--notify', 'ftp://a'],
    /--notify: "ftp:.* neither http nor/u,
  ],
  [['remove', 'x'], /no schedule "x"/u],
  [['list', 'x'], /no schedule "x"/u],
  [['lsit'], /did you mean list/iu],
];

/** Starts a batch of two fetches of the schedule `test`, as a worker does. */
async function startRun(): Promise<string> {
  const decision = await schedules.runNow('test');
  const id = decision?.batch ?? '';
  const crawl = await schedules.crawl('test');
  if (crawl === undefined) {
    throw new Error('no crawl');
  }
  const rest = { total: 2, sliceSize: 2, source: '', fingerprint: id, schedule: 'test' };
  await ledger.register({ id, crawl, ...rest });
  await ledger.expanded(id);
  await schedules.conclude('test', decision?.key ?? '', { state: 'started' });
  return id;
}

describe('the history of a schedule', () => {
  it('says how each run has ended, how many failed and how long it took', async () => {
    await project.write('crawl.yaml', crawlFile(origin.url, 2));
    await schedule('add', 'crawl.yaml', ...NEW_YEAR, '--overlap', 'allow');
    const [removed, failed, running] = [await startRun(), await startRun(), await startRun()];
    for (const id of [removed, failed]) {
      const ended = { durationMs: 1, bytes: 1 };
      await ledger.settle(id, [{ index: 0, outcome: 'ok', ...ended }]);
      await ledger.settle(id, [{ index: 1, outcome: 'timeout', ...ended }]);
    }
    await new BatchRemoval(fleet.redis, fleetKeys(fleet.name)).begin(removed);
    const { stdout } = await schedule('list', 'test');
    const lines = stdout.split('\n').filter((line) => line.includes(' by hand '));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(new RegExp(`running +0 of 2 +\\d.* +${running}`, 'u'));
    expect(lines[1]).toMatch(new RegExp(`finished +1 of 2 +\\d.* +${failed}`, 'u'));
    expect(lines[2]).toMatch(new RegExp(`finished +1 of 2 +\\d.* +${removed} \\(removed\\)`, 'u'));
    const { stdout: json } = await schedule('list', 'test', '--json');
    const end = { total: 2, tookMs: expect.any(Number) };
    expect(JSON.parse(json)).toMatchObject({
      lastFinish: expect.any(String),
      lastSuccess: null,
      runs: [
        { batch: running, ended: 'running', failed: 0, removed: false, ...end },
        { batch: failed, ended: 'finished', failed: 1, removed: false, ...end },
        { batch: removed, ended: 'finished', failed: 1, removed: true, ...end },
      ],
    });
  });
});

describe('an invalid schedule', () => {
  it('is rejected with all problems and the allowed values', async () => {
    await project.write('crawl.yaml', crawlFile(origin.url, 1));
    await project.write('bad.yaml', 'url: ftp://a.example/{n}\nparams: { n: [1] }\n');
    await project.write(
      'literal.yaml',
      crawlFile(origin.url, 1, 'headers: { authorization: "Bearer abc" }'),
    );
    await project.write('large.txt', '1\n'.repeat(9 * 2 ** 20));
    await project.write(
      'large.yaml',
      crawlFile(origin.url, 1).replace('{ from: 1, to: 1 }', '{ file: large.txt }'),
    );
    await schedule('add', 'crawl.yaml', ...NEW_YEAR, '--id', 'nightly');
    const check = async ([args, message]: (typeof WRONG)[number]): Promise<void> => {
      const ended = await schedule(...args);
      expect({ args, ...ended }).toMatchObject({ code: 2, stdout: '' });
      expect(ended.stderr).toMatch(message);
      expect(ended.stderr).not.toMatch(/^\s+at .+:\d+/mu);
    };
    // In parallel, because each command starts a Node process.
    await Promise.all(WRONG.map(check));
    const all = await schedule('add', 'bad.yaml', '--cron', 'x', '--tz', 'Mars');
    expect(all.stderr).toMatch(
      /--cron.*\n.*--tz.*\n.*bad\.yaml.*\n3 problems: nothing was scheduled/u,
    );
    expect(await schedules.ids()).toEqual(['nightly']);
    const noRedis = { REDIS_URL: undefined };
    const without = await project.call(['schedule', 'add', 'crawl.yaml', ...NEW_YEAR], noRedis);
    expect(without.code).toBe(2);
    expect(without.stderr).toMatch(/REDIS_URL is not set: schedules are run by workers/u);
    const away = { REDIS_URL: 'redis://127.0.0.1:1' };
    expect(await project.call(['schedule', 'list'], away)).toMatchObject({ code: 3, stdout: '' });
  });
});
