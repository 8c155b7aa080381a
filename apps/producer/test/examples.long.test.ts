import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { closeAfterEach, freePort, repositoryRoot } from '@fetchfleet/testing';
import { beforeEach, expect, it } from '@jest/globals';
import { Project } from './cli-fixture.ts';

closeAfterEach();

let project: Project;
let port: number;

beforeEach(async () => {
  project = await Project.create();
  port = await freePort();
  const api = await project.start(['--port', String(port)], { command: 'fetchfleet-sample-api' });
  await api.waitForLine(new RegExp(String(port), 'u'));
  const examples = join(repositoryRoot, 'examples');
  for (const name of globSync('*', { cwd: examples })) {
    await project.write(name, atOwnPort(await readFile(join(examples, name), 'utf8')));
  }
});

function atOwnPort(text: string): string {
  return text.replaceAll('127.0.0.1:8787', `127.0.0.1:${port}`);
}

interface Exported {
  readonly index: number;
  readonly page?: number;
  readonly outcome: string;
  readonly status?: number;
  readonly body: unknown;
}

/** Runs an example as a reader would. @returns the records of its export */
async function recordsOf(file: string): Promise<readonly Exported[]> {
  const run = await project.run(['run', file]);
  expect(run).toMatchObject({ code: 0 });
  const [, batch = ''] = /fetchfleet export ([a-z0-9-]+)/u.exec(run.stderr + run.stdout) ?? [];
  const { stdout } = await project.run(['export', batch, '-o', '-']);
  const records = stdout.trim().split('\n');
  return records.map((line): Exported => JSON.parse(line));
}

it('the file of init runs as it is, and no fetch fails', async () => {
  expect(await project.run(['init'])).toMatchObject({ code: 0 });
  await project.write('crawl.yaml', atOwnPort(await readFile(project.path('crawl.yaml'), 'utf8')));
  const records = await recordsOf('crawl.yaml');
  expect(records.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  expect(records.length).toBe(249);
});

it('the examples run as they are, one after the other', async () => {
  const countries = await recordsOf('countries.yaml');
  expect(countries.length).toBe(249);

  const known = await recordsOf('changes.yaml');
  const again = await recordsOf('changes.yaml');
  expect(again.map(({ status }) => status)).toEqual(known.map(() => 304));
  expect(again.map(({ body }) => body)).toEqual(known.map(({ body }) => body));

  const rows = await recordsOf('rows.yaml');
  expect(rows.map(({ body }) => body)).toMatchObject([
    {
      method: 'POST',
      path: '/rows/17',
      headers: { 'x-lang': 'en' },
      body: { id: 17, name: 'Ada' },
    },
    { method: 'POST', path: '/rows/18', body: { id: 18, name: 'Grace' } },
    { method: 'POST', path: '/rows/19', body: { id: 19, name: 'Sophie' } },
  ]);

  const graphql = await recordsOf('graphql.yaml');
  expect(graphql.length).toBe(249);
  expect(graphql[0]?.body).toEqual({ name: 'Andorra', code: 'AD', slug: 'andorra' });

  const pages = await recordsOf('pages-by-link.yaml');
  expect(pages.map(({ index, page }) => [index, page])).toEqual(pages.map((_, at) => [0, at + 1]));
  expect(pages.length).toBeGreaterThan(1);
  const cursors = await recordsOf('pages-by-cursor.yaml');
  expect(cursors.map(({ page }) => page)).toEqual(pages.map(({ page }) => page));

  const items = pages.flatMap(({ body }) => (body as { items: readonly { id: number }[] }).items);
  const details = await recordsOf('details.yaml');
  expect(details.map(({ body }) => body)).toEqual(items);
});
