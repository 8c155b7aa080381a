import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { installLeakGuard, type Origin } from '@fetchfleet/testing';
import type { Project } from '../cli-fixture.ts';
import { FleetProject } from '../fleet-fixture.ts';

let fleet: FleetProject;
let project: Project;
let origin: Origin;

beforeEach(async () => {
  fleet = await FleetProject.create();
  ({ project, origin } = fleet);
});

afterEach(async () => fleet.remove());

installLeakGuard();

/** A crawl over the values that an earlier batch has found. */
async function writeDetails(item: string): Promise<void> {
  const text = `name: details
url: ${origin.url}/echo/{item}
params: { item: ${item} }
network: { allowPrivate: true }
politeness: { robots: ignore }
contact: a@b.example`;
  await project.write('details.yaml', text);
}

/** Lays out the results of a batch, as workers write them. */
async function store(batch: string, bodies: readonly string[], total = bodies.length) {
  const folder = project.path(join('results', batch));
  await mkdir(folder, { recursive: true });
  const createdAt = '2026-11-23T00:00:00.000Z';
  const manifest = { batch, name: 'list', total, params: [], url: 'http://a.example', createdAt };
  await writeFile(join(folder, 'batch.json'), JSON.stringify(manifest));
  const lines = bodies.map(
    (body, index) =>
      `{"batch":"${batch}","index":${index},"params":{},"url":"http://a.example","outcome":"ok",` +
      `"startedAt":"${createdAt}",${body}}\n`,
  );
  await writeFile(join(folder, 'part-w-1.ndjson'), lines.join(''));
}

const page = (...ids: readonly string[]) =>
  `"body":{"items":[${ids.map((id) => `{"id":${id}}`).join()}]}`;

describe('the values of an earlier batch', () => {
  it('are fetched in the second stage, each once', async () => {
    const lists = [[12, 7], [7, 3], []];
    origin.respond(/^\/list\//u, async ({ url = '' }, response) => {
      const ids = lists[Number(url.split('/').at(-1)) - 1] ?? [];
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ items: ids.map((id) => ({ id })) }));
    });
    const list = `name: list
url: ${origin.url}/list/{n}
params: { n: { from: 1, to: 3 } }
network: { allowPrivate: true }
politeness: { robots: ignore }`;
    await project.write('list.yaml', list);
    const first = await project.run(['run', 'list.yaml', '--workers', '1', '--json']);
    expect(JSON.parse(first.stdout)).toMatchObject({ ok: 3 });
    await writeDetails('{ batch: list, select: "$.items[*].id", unique: true }');
    const second = await project.run(['run', 'details.yaml', '--workers', '1', '--json']);
    expect(JSON.parse(second.stdout)).toMatchObject({ state: 'finished', total: 3, ok: 3 });
    const paths = origin.arrivals.map(({ path }) => path).filter((one) => one.startsWith('/echo'));
    expect(paths.toSorted()).toEqual(['/echo/12', '/echo/3', '/echo/7']);
  });

  it('are pinned: a batch is resumed with them, or not at all', async () => {
    await store('list-1', [page('1', '"b"'), page('12345678901234567890')]);
    await writeDetails('{ batch: list, select: "$.items[*].id" }');
    const started = await project.call(['start', 'details.yaml']);
    const id = started.stdout.trim();
    const crawl = await fleet.ledger.crawl(id);
    expect(crawl?.sources).toEqual([
      { name: 'item', kind: 'batch', batch: 'list-1', select: '$.items[*].id' },
    ]);
    expect(await fleet.ledger.status(id)).toMatchObject({ total: 3 });
    // Another batch of the name makes no difference to it.
    await store('list-2', [page('9')]);
    expect(await project.call(['resume', id])).toMatchObject({ code: 0 });
    await store('list-1', [page('1', '"b"'), page('2')]);
    const changed = await project.call(['resume', id]);
    expect(changed.code).toBe(2);
    expect(changed.stderr).toMatch(/its lists have changed since it was started \(batch list-1\)/u);
    await store('list-1', [page('1')], 2);
    const gone = await project.call(['resume', id]);
    expect(gone.code).toBe(2);
    expect(gone.stderr).toMatch(/batch list-1 is not finished: 1 fetch has no record in/u);
  });

  it.each([
    ['{ batch: lost, select: $ }', /item\.batch: there is no batch with the id or name "lost" in/u],
    [
      '{ batch: part, select: $ }',
      /batch part is not finished: 2 fetches have no record in .*RES/u,
    ],
    ['{ batch: texts, select: $ }', /texts: it has no successful fetch whose body is JSON/u],
    ['{ batch: pages, select: $.no }', /pages: \$\.no selects nothing in the 2 bodies of its fet/u],
    ['{ batch: pages, select: $.items }', /\$\.items of pages:1: "value" is neither a text nor/u],
    ['{ batch: pages, select: "$.items[*].id" }', /of pages:2: the value is empty; blank: skip/u],
  ])('are refused with a sentence: %s', async (item, problem) => {
    await store('part', [page('1')], 3);
    await store('texts', ['"bodyEncoding":"text","body":"<p>"']);
    await store('pages', [page('1', 'null'), page('2')]);
    await writeDetails(item);
    const ended = await project.call(['validate', 'details.yaml']);
    expect(ended.stderr).toMatch(problem);
    expect(ended.code).toBe(2);
  });

  it('leave out bodies that are no JSON, and say so once', async () => {
    const text = '"bodyEncoding":"text","body":"<p>"';
    await store('list-1', [page('1'), text, text]);
    await writeDetails('{ batch: list-1, select: "$.items[*].id" }');
    const ended = await project.call(['validate', 'details.yaml']);
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.stdout).toMatch(/fetches +1\n/u);
    expect(
      ended.stderr.match(/2 bodies of list-1 are left out, because they are no JSON/gu),
    ).toHaveLength(1);
  });

  it('are not for schedules', async () => {
    await store('list-1', [page('1')]);
    await writeDetails('{ batch: list-1, select: "$.items[*].id" }');
    const ended = await project.call(['schedule', 'add', 'details.yaml', '--cron', '0 0 1 1 *']);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/params\.item: a schedule cannot take values from a batch/u);
  });
});
