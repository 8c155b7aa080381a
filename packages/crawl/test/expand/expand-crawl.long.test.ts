import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crawl-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('expandCrawl', () => {
  it('needs constant memory for a million rows', async () => {
    const rows = Array.from({ length: 1_000_000 }, (_, at) => `${at},x\n`);
    await writeFile(join(folder, 'ids.csv'), `id,filler\n${rows.join('')}`);
    const program = `
      import { expandCrawl, measureCrawl, packSlices } from '@fetchfleet/crawl';
      import { parseCrawlFile } from '@fetchfleet/crawl/file';
      const text = 'url: http://a.example/{id}/{filler}\\n' +
        'rows: { file: ids.csv, columns: [id, filler] }';
      const crawl = parseCrawlFile(text, process.argv[1]);
      const { total } = await measureCrawl(crawl);
      let slices = 0;
      for await (const some of packSlices('b-1', expandCrawl(crawl), { sliceSize: 50, mixesOrigins: false })) slices += some.length;
      process.stdout.write(JSON.stringify({ total, slices }));`;
    // This heap is too small for a million texts.
    const flags = ['--max-old-space-size=32', '--conditions=@fetchfleet/source'];
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...flags, '--input-type=module', '--eval', program, join(folder, 'crawl.yaml')],
      { cwd: import.meta.dirname, env: { PATH: process.env['PATH'] } },
    );
    expect(JSON.parse(stdout)).toEqual({ total: 1_000_000, slices: 20_000 });
  });
});
