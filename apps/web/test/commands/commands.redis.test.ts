import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { Ledger } from '@fetchfleet/fleet';
import {
  closeAfterEach,
  eventually,
  redisUrl,
  startS3,
  temporaryFolder,
} from '@fetchfleet/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { recordLine, runningBatch, writeRecord } from '../fleet-data.ts';
import { Web } from '../web-fixture.ts';

closeAfterEach();

const CRAWL = 'name: page\nurl: http://origin.example/{n}\nparams:\n  n: { from: 1, to: 3 }\n';

/** Other tests have their folders of commands in the usual place. */
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder('commands');
});
afterAll(async () => folder.remove());

async function startHere(): Promise<Web> {
  return Web.start([], redisUrl(), { TMPDIR: folder.path });
}

async function foldersOfCommands(): Promise<string[]> {
  const names = await readdir(folder.path);
  return names.filter((name) => name.startsWith('fetchfleet-command-'));
}

describe('commands of the page', () => {
  it('do what the command line does, answer what it prints, and are noted', async () => {
    const web = await Web.start();
    await runningBatch(web, 'one', { total: 10, ok: 1, failed: 0 });
    const { status, document } = await web.json('/api/commands', {
      body: { command: 'pause', target: 'one' },
    });
    expect(status).toBe(200);
    expect(document).toMatchObject({ ok: true, document: { batch: 'one', state: 'paused' } });
    expect(document.messages[0]).toBe('Paused one: 1 done, 9 left');
    expect(await new Ledger(web.redis, web.keys).state('one')).toBe('paused');
    const { document: detail } = await web.json('/api/batches/one');
    expect(detail.events.at(-1)).toMatchObject({ text: 'paused', by: 'the page (127.0.0.1)' });
    const line = web.lines.find((one) => one.includes('was run from the page')) ?? '{}';
    expect(JSON.parse(line)).toMatchObject({ by: '127.0.0.1', command: 'pause', target: 'one' });
  });

  it('start a crawl file, and leave no file behind', async () => {
    const web = await startHere();
    const body = { command: 'start', crawlFile: CRAWL };
    const { document } = await web.json('/api/commands', { body });
    expect(document).toMatchObject({ ok: true, document: { name: 'page', total: 3 } });
    expect(await foldersOfCommands()).toEqual([]);
  });

  it('end with the server, and leave no file behind', async () => {
    const web = await startHere();
    const crawlFile = CRAWL.replace('to: 3', 'to: 400000000'); // counting them takes long
    const answer = web.ask('/api/commands', { body: { command: 'validate', crawlFile } });
    answer.catch(() => undefined); // its connection may end with the server
    await eventually(async () => (await foldersOfCommands()).length > 0);
    await web.stop();
    await answer.catch(() => undefined);
    expect(await foldersOfCommands()).toEqual([]);
  });

  it('say what is wrong with a crawl file, at its line', async () => {
    const web = await Web.start(['--read-only']);
    const body = { command: 'validate', crawlFile: `${CRAWL}retries: 5\n` };
    const { status, document } = await web.json('/api/commands', { body });
    expect([status, document.ok]).toEqual([200, false]);
    expect(document.messages.join('\n')).toMatch(/crawl\.yaml:5:1.*retries/u);
    expect(document.messages.join('\n')).not.toContain(tmpdir());
  });

  it('read no files of this machine for a crawl file', async () => {
    const web = await Web.start();
    for (const list of ['/etc/none.txt', 'list.txt', '../../x.txt', 'stored:abc.txt']) {
      const crawlFile = CRAWL.replace('{ from: 1, to: 3 }', `{ file: ${list} }`);
      for (const command of ['validate', 'start', 'schedule add']) {
        const options = command === 'schedule add' ? { cron: '@daily' } : {};
        const { document } = await web.json('/api/commands', {
          body: { command, crawlFile, options },
        });
        expect([list, command, document.code]).toEqual([list, command, 'LISTS_LOCAL']);
      }
    }
  });

  it('read no lists at URLs with --read-only', async () => {
    const web = await Web.start(['--read-only']);
    const crawlFile = CRAWL.replace('{ from: 1, to: 3 }', '{ file: http://origin.example/n.txt }');
    const { status, document } = await web.json('/api/commands', {
      body: { command: 'validate', crawlFile },
    });
    expect([status, document.code]).toEqual([403, 'READ_ONLY']);
  });

  it('prune the batch that is named, and print its crawl file also where nothing is changed', async () => {
    const web = await Web.start();
    const body = { command: 'start', crawlFile: CRAWL };
    const { document: started } = await web.json('/api/commands', { body });
    const target = started.document.batch;
    const shown = await web.json('/api/commands', { body: { command: 'show', target } });
    expect(shown.document).toMatchObject({
      ok: true,
      document: { batch: target, elsewhere: null },
    });
    expect(shown.document.document.crawlFile).toContain('url: http://origin.example/{n}\n');
    const prune = { command: 'prune', target, options: { yes: true } };
    const refused = await web.json('/api/commands', { body: prune });
    expect(refused.document).toMatchObject({ ok: false });
    expect(refused.document.messages.join()).toContain(`${target} is running: cancel it first`);
    await new Ledger(web.redis, web.keys).cancel(target);
    const pruned = await web.json('/api/commands', { body: prune });
    expect(pruned.document).toMatchObject({
      ok: true,
      messages: [`Removed ${target}, 0 B of results`],
    });
    expect((await web.json(`/api/batches/${target}`)).status).toBe(404);
  });

  it('export records as a file, and say why they cannot', async () => {
    const web = await Web.start();
    await writeRecord(web, { batch: 'one', index: 0 }, { body: { bytes: Buffer.from('=1+1') } });
    const csv = await web.ask('/api/batches/one/export?format=csv');
    expect(csv.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename="one.csv"',
    });
    expect(csv.text).toContain('http://origin.example/0');
    const ndjson = await web.ask('/api/batches/one/export?outcome=timeout');
    expect([ndjson.status, ndjson.text]).toEqual([200, '']);
    const none = await web.json('/api/batches/none/export');
    expect([none.status, none.document.code]).toEqual([409, 'EXPORT_FAILED']);
  });

  it('export records out of a bucket', async () => {
    const s3 = await startS3();
    const flags = ['--results', `s3://${s3.bucket}/crawls`];
    const web = await Web.start(flags, redisUrl(), s3.env);
    s3.put('crawls/one/part-w-1-1.ndjson', recordLine({ batch: 'one', index: 0 }));
    const { status, text } = await web.ask('/api/batches/one/export');
    expect([status, JSON.parse(text)]).toMatchObject([200, { batch: 'one', index: 0 }]);
  });
});
