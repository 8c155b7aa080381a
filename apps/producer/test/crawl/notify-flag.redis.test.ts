import { installLeakGuard } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { crawlFile } from '../cli-fixture.ts';
import { FleetProject } from '../fleet-fixture.ts';

let fleet: FleetProject;
beforeEach(async () => {
  fleet = await FleetProject.create();
});
afterEach(async () => fleet.remove());
installLeakGuard();

const receiver = (name: string): string => `https://${name}.example/hook`;
const urls = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => receiver(`r${at}`));

async function receiversOf(batch: string): Promise<readonly string[]> {
  return ((await fleet.ledger.crawl(batch))?.notify ?? []).map(({ url }) => url);
}

describe('--notify', () => {
  it('tells a receiver once that is named twice', async () => {
    const hook = ['--notify', receiver('a'), '--notify', receiver('a')];
    await fleet.project.write('crawl.yaml', crawlFile(fleet.origin.url, 1));
    const { stdout } = await fleet.project.call(['start', 'crawl.yaml', ...hook]);
    expect(await receiversOf(stdout.trim())).toEqual([receiver('a')]);
  });

  it('is refused with --resume if the batch would have too many receivers', async () => {
    const notify = `notify: [${urls(10)
      .map((url) => `'${url}'`)
      .join(', ')}]`;
    const batch = await fleet.enqueue(crawlFile(fleet.origin.url, 1, notify));
    await fleet.project.write('crawl.yaml', crawlFile(fleet.origin.url, 2));
    const words = ['run', 'crawl.yaml', '--resume', '--workers', '1', '--notify', receiver('k')];
    const { code, stderr } = await fleet.project.call(words);
    expect([code, stderr]).toEqual([2, expect.stringContaining('at most 10 receivers')]);
    expect(await receiversOf(batch)).toEqual(urls(10));
  });

  it('holds with --resume also where lists have changed that are queued already', async () => {
    const { origin, project } = fleet;
    await project.write('ids.txt', 'a\n');
    const text = crawlFile(origin.url, 1).replace('{ from: 1, to: 1 }', '{ file: ids.txt }');
    const batch = await fleet.enqueue(text);
    await project.write('crawl.yaml', text);
    await project.write('ids.txt', 'b\n');
    const told = `${origin.url}/told`;
    const words = ['run', 'crawl.yaml', '--resume', '--workers', '1', '--notify', told];
    const { code, stderr } = await project.call(words);
    expect([code, stderr]).toEqual([0, expect.stringContaining('The lists have changed')]);
    expect(await receiversOf(batch)).toEqual([told]);
    expect(origin.arrivals.map(({ url }) => url)).toEqual(['/echo/a', '/told']);
  });
});
