import { parseCrawlFile } from '@fetchfleet/crawl/file';
import { ScheduleStore } from '@fetchfleet/fleet';
import { CATALOGUE } from '@fetchfleet/service';
import {
  closeAfterEach,
  eventually,
  type Origin,
  type Prometheus,
  redisUrl,
  startOrigin,
  temporaryFolder,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { crawlFile, type Fleet, startFleet } from '../fleet/fleet-fixture.ts';
import {
  JOB,
  promtool,
  readDashboards,
  readRules,
  startWithRules,
} from './observability-fixture.ts';

closeAfterEach();

/** More fetches than the origins answer while the test runs. */
const ENDLESS = 20_000;

/**
 * The values of Grafana's variables; the rate interval is at least four scrapes of a second each.
 */
const VARIABLES: readonly (readonly [RegExp, string])[] = [
  [/\$job\b/gu, JOB],
  [/\$(?:origin|batch)\b/gu, '.*'],
  [/\$__rate_interval\b/gu, '15s'],
];

/** Of ten answers one is a 404, one a 500 that is repeated, and one a 429. */
async function startMixedOrigin(): Promise<Origin> {
  const origin = await startOrigin();
  const requested = new Set<string>();
  origin.respond(/^\/mixed\//u, (request, response) => {
    const url = request.url ?? '';
    const isFirstTime = !requested.has(url);
    requested.add(url);
    if (url.endsWith('1')) {
      response.writeHead(404);
    } else if (isFirstTime && url.endsWith('2')) {
      response.writeHead(500);
    } else if (isFirstTime && url.endsWith('3')) {
      response.writeHead(429);
    }
    response.end('{}');
  });
  return origin;
}

/** Two workers on a batch that does not end during the test, and their pages of metrics. */
async function startWatchedFleet() {
  const origin = await startMixedOrigin();
  const { path: results } = await temporaryFolder();
  const fleet = await startFleet(redisUrl(), results);
  const workers = await Promise.all([fleet.worker(), fleet.worker()]);
  const limits = { politeness: '{ rate: 100/s, concurrency: 20, robots: ignore }' };
  const text = crawlFile(`${origin.url}/mixed/{n}`, ENDLESS, limits);
  await fleet.enqueue('watched', text);
  await addSchedule(fleet);
  const ports = await Promise.all(
    workers.map(async (worker) => Number((await worker.waitForLine(/"metricsPort":(\d+)/))[1])),
  );
  return { fleet, workers, ports, pages: async () => Promise.all(ports.map(pageOf)) };
}

/** A schedule whose last batch has just finished. */
async function addSchedule({ redis, keys }: Fleet): Promise<void> {
  const crawl = parseCrawlFile('url: http://a.example/{n}\nparams: { n: [1] }\n', 'daily.yaml');
  const terms = { source: '', cron: '@daily', tz: 'UTC', overlap: 'skip', catchUpMs: 0 } as const;
  await new ScheduleStore(redis, keys).put('daily', { crawl, ...terms });
  const now = Date.now();
  await redis.hset(keys.schedule('daily'), 'lastFinish', now, 'lastSuccess', now);
}

async function pageOf(port: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

async function expressions(): Promise<string[]> {
  const dashboards = Object.values(await readDashboards());
  const queries = dashboards.flatMap(({ panels }) =>
    panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  );
  return [...new Set(queries.map(filledIn))];
}

function filledIn(expression: string): string {
  return VARIABLES.reduce((text, [variable, value]) => text.replace(variable, value), expression);
}

describe('the metrics of two workers', () => {
  it('pass promtool and are those of the catalogue', async () => {
    const { pages } = await startWatchedFleet();
    await eventually(
      async () => {
        expect(seenIn(await pages())).toEqual({ retried: true, throttled: true, failed: true });
      },
      { intervalMs: 200 },
    );
    const texts = await pages();
    for (const text of texts) {
      expect(await promtool(['check', 'metrics'], text)).toEqual({ ok: true, output: '' });
    }
    const types = [...texts.join('\n').matchAll(/^# TYPE (fetchfleet_\w+) (\w+)$/gmu)];
    const served = new Set(types.map(([, name, type]) => `${name} ${type}`));
    const catalogue = Object.values(CATALOGUE).map(({ name, type }) => `${name} ${type}`);
    expect([...served].toSorted()).toEqual(catalogue.toSorted());
  });

  it('give data to every dashboard and rule, and count the fleet once', async () => {
    const { ports } = await startWatchedFleet();
    const prometheus = await startWithRules(ports);
    const recorded = (await readRules('recording.yml')).map(({ record }) => record ?? '');
    let missing = [...recorded, ...(await expressions())];
    await eventually(
      async () => {
        const found = await Promise.all(missing.map(async (one) => prometheus.query(one)));
        missing = missing.filter((_, index) => found[index]?.length === 0);
        expect(missing).toEqual([]);
      },
      { intervalMs: 1_000 },
    );
    expect(await variablesWithoutValues(prometheus)).toEqual([]);
    expect(await illRules(prometheus)).toEqual([]);
    // The fleet is healthy, so no alert fires; the unit tests of the rules cover those that would.
    expect(await prometheus.query('ALERTS{alertstate="firing"}')).toEqual([]);

    const value = async (expression: string): Promise<number[]> =>
      (await prometheus.query(expression)).map((sample) => Number(sample.value[1]));
    expect(await value('sum(fetchfleet_exporter)')).toEqual([1]);
    expect(await value('sum(fetchfleet_workers)')).toEqual([2]);
    expect(await value('sum(fetchfleet_batches{state="running"})')).toEqual([1]);
    expect(await value('sum(fetchfleet_batch_fetches{state="total"})')).toEqual([ENDLESS]);
  });
});

/** The rules that Prometheus could not evaluate. */
async function illRules(prometheus: Prometheus): Promise<unknown[]> {
  const { groups } = (await prometheus.ask('/api/v1/rules')) as {
    groups: { rules: { health: string }[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  expect(rules.length).toBeGreaterThan(0);
  return rules.filter(({ health }) => health !== 'ok');
}

/** The queries of dashboard variables that have no result. */
async function variablesWithoutValues(prometheus: Prometheus): Promise<string[]> {
  const lists = Object.values(await readDashboards()).map(({ templating }) => templating.list);
  const definitions = lists.flat().flatMap(({ definition }) => definition ?? []);
  const found = await Promise.all(
    definitions.map(async (definition) => {
      const [, selector = '', label = ''] = /^label_values\((.+), (\w+)\)$/u.exec(definition) ?? [];
      const match = encodeURIComponent(filledIn(selector));
      return prometheus.ask(`/api/v1/label/${label}/values?match[]=${match}`);
    }),
  );
  expect(definitions.length).toBeGreaterThanOrEqual(5);
  return definitions.filter((_, index) => (found[index] as unknown[]).length === 0);
}

function seenIn(pages: readonly string[]) {
  const text = pages.join('\n');
  return {
    retried: /^fetchfleet_retries_total\{.*\} [1-9]/mu.test(text),
    throttled: /^fetchfleet_throttles_total\{.*\} [1-9]/mu.test(text),
    failed: /^fetchfleet_fetches_total\{.*outcome="http-error".*\} [1-9]/mu.test(text),
  };
}
