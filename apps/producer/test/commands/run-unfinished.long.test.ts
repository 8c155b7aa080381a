import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, installLeakGuard, type Origin, startOrigin } from '@fetchfleet/testing';
import { crawlFile, Project } from '../cli-fixture.ts';
import { documentIn, exportedIndexes, RUN, RUN_ONE, upTo } from './run-fixture.ts';

let project: Project;
let origin: Origin;

beforeEach(async () => {
  project = await Project.create();
  origin = await startOrigin();
});

afterEach(async () => {
  await origin.stop();
  await project.remove();
});

installLeakGuard();

/** Interrupts a run of slow fetches. @returns its batch */
async function interrupt(text: string): Promise<string> {
  await project.write('crawl.yaml', text.replace('{n}', '{n}?delay=100'));
  const before = origin.arrivals.length;
  const run = await project.start([...RUN_ONE, '--json']);
  await eventually(() => origin.arrivals.length > before + 10);
  run.signal('SIGINT');
  expect(await run.exit).toMatchObject({ code: 130 });
  return documentIn(run.stdout).batch;
}

describe('a run that was interrupted or killed', () => {
  it('leaves no process behind when it is killed, and two runs at once complete its batch', async () => {
    await project.write('crawl.yaml', crawlFile(origin.url, 200).replace('{n}', '{n}?delay=50'));
    const first = await project.start(RUN);
    await eventually(() => origin.arrivals.length > 30);
    await first.kill('SIGKILL');
    await eventually(() => project.processes().length === 0);
    const [again, besides] = await Promise.all([
      project.run([...RUN, '--json']),
      project.run([...RUN, '--json']),
    ]);
    // Both use the same Redis and, because the crawl is the same, the same batch.
    expect(again).toMatchObject({ code: 0 });
    expect(besides).toMatchObject({ code: 0 });
    const { batch } = documentIn(again.stdout);
    expect(documentIn(besides.stdout).batch).toBe(batch);
    expect(again.stderr).toContain(`Continuing batch ${batch}`);
    expect(await exportedIndexes(project, batch)).toEqual(upTo(200));
  });

  it('applies edits of politeness, retry and limits to its unfinished batch', async () => {
    const batch = await interrupt(crawlFile(origin.url, 60, 'retry: { attempts: 1 }'));
    const edited = crawlFile(origin.url, 60, 'retry: { attempts: 3 }')
      .replace('concurrency: unlimited', 'rate: 1000/s')
      .replace('{n}', '{n}?delay=100');
    await project.write('crawl.yaml', `${edited}\nlimits: { timeout: 10s }\n`);
    const second = await project.run([...RUN_ONE, '--json']);
    expect(second.stderr).toMatch(
      /Applied to the unfinished batch: politeness\.rate: unlimited → 1000\/s, politeness\.concurrency: unlimited → 16, retry\.attempts: 1 → 3, limits\.timeout: 30 s → 10 s\n/u,
    );
    expect(second.code).toBe(0);
    expect(documentIn(second.stdout)).toMatchObject({ batch, ok: 60 });
    expect(await exportedIndexes(project, batch)).toEqual(upTo(60));
  });

  it('refuses other edits, names them, and continues the old crawl with --resume', async () => {
    const batch = await interrupt(crawlFile(origin.url, 60));
    const edited = crawlFile(origin.url, 3, 'retry: { attempts: 2 }\nheaders: { x-a: "1" }');
    await project.write('crawl.yaml', edited);
    const refused = await project.run([...RUN_ONE, '--json']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    for (const key of ['url', 'headers.x-a', 'params.n', 'retry.attempts: 5 → 2']) {
      expect(refused.stderr).toContain(`crawl.yaml differs in ${key}\n`);
    }
    expect(refused.stderr).toMatch(
      new RegExp(`batch ${batch} is unfinished \\(\\d+ of 60 done\\).*--resume.*--new`, 'u'),
    );
    const both = await project.run([...RUN_ONE, '--resume', '--new']);
    expect(both.code).toBe(2);
    const resumed = await project.run([...RUN_ONE, '--resume', '--json']);
    expect(resumed.code).toBe(0);
    expect(documentIn(resumed.stdout)).toMatchObject({ batch, ok: 60 });
    const nothing = await project.run([...RUN_ONE, '--resume']);
    expect(nothing).toMatchObject({ code: 2 });
    expect(nothing.stderr).toContain('no batch of "test" is unfinished');
    // Nothing is unfinished any more: the edited file is a batch of its own.
    expect(documentIn((await project.run([...RUN_ONE, '--json'])).stdout)).toMatchObject({ ok: 3 });
  });

  it('starts another batch beside the unfinished one with --new', async () => {
    const batch = await interrupt(crawlFile(origin.url, 60));
    await project.write('crawl.yaml', crawlFile(origin.url, 3));
    const other = await project.run([...RUN_ONE, '--new', '--json']);
    expect(documentIn(other.stdout)).toMatchObject({ total: 3, ok: 3 });
    expect(documentIn(other.stdout).batch).not.toBe(batch);
  });

  it('continues what is queued with --resume when its list was edited', async () => {
    const text = crawlFile(origin.url, 60).replace('{ from: 1, to: 60 }', '{ file: ids.txt }');
    const ids = upTo(60).join('\n');
    await project.write('ids.txt', ids);
    const batch = await interrupt(text);
    await project.write('ids.txt', `${ids}\n60`);
    const refused = await project.run(RUN_ONE);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/crawl\.yaml differs in the content of \S+ids\.txt\n/u);
    const resumed = await project.run([...RUN_ONE, '--resume', '--json']);
    expect(documentIn(resumed.stdout)).toMatchObject({ batch, total: 60, ok: 60 });
  });
});
