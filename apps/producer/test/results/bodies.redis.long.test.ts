import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { eventually, installLeakGuard, type S3Server, startS3 } from '@fetchfleet/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { reportRun } from '../../src/batch/run-report.ts';
import { Interrupts } from '../../src/core/interrupts.ts';
import { readRunSettings } from '../../src/core/settings.ts';
import { Terminal } from '../../src/core/terminal.ts';
import { crawlFile } from '../cli-fixture.ts';
import { FleetProject } from '../fleet-fixture.ts';

const PLACE = 's3://fleet/crawls';

let fleet: FleetProject;
let server: S3Server;
/** The third refers to bodies in the first, and was compared with the second. */
let first: string;
let second: string;
let third: string;

beforeAll(async () => {
  server = await startS3();
  // Where the SDK looks for them.
  Object.assign(process.env, server.env, { AWS_MAX_ATTEMPTS: '1' });
  fleet = await FleetProject.create();
  await fleet.worker();
  let isFailing = false;
  fleet.origin.respond(/^\/echo\//u, (request, response) => {
    const isKnown = request.headers['if-none-match'] === '"e"';
    const status = isFailing && request.url?.endsWith('/1') === true ? 404 : isKnown ? 304 : 200;
    response.writeHead(status, { etag: '"e"' }).end(status === 200 ? 'body' : '');
  });
  const fetched = async (): Promise<string> => {
    const id = await fleet.enqueue(crawlFile(fleet.origin.url, 3, 'revalidate: true'));
    await eventually(async () => (await fleet.ledger.state(id)) === 'finished');
    return id;
  };
  first = await fetched();
  second = await fetched();
  isFailing = true;
  third = await fetched();
  for (const path of globSync(`*/*`, { cwd: fleet.project.path('results') })) {
    server.put(`crawls/${path}`, await readFile(fleet.project.path('results', path)));
  }
});
afterAll(async () => {
  await fleet.remove();
  await server.dispose();
});
installLeakGuard();

beforeEach(() => {
  server.requests.length = 0;
});

/** The batches of which parts were downloaded. */
function downloaded(): readonly string[] {
  const parts = server.requests.flatMap(({ method, key }) => {
    const [, batch] = /^crawls\/([^/]+)\/part-/u.exec(key) ?? [];
    return method === 'GET' && batch !== undefined ? [batch] : [];
  });
  return [...new Set(parts)].toSorted();
}

describe('a batch in another place whose bodies are in an earlier one', () => {
  it.each([
    ['failures', (): string[] => ['failures', third], (): string[] => [third]],
    ['failures --list', () => ['failures', third, '--list'], () => [third]],
    ['export --changed', () => ['export', third, '--changed'], () => [third]],
    ['diff', () => ['diff', second, third], () => [second, third]],
    ['export', () => ['export', third], () => [first, third]],
    ['verify', () => ['verify', third], () => [first, third]],
    ['show', () => ['show', third, '1'], () => [first, third]],
  ])('is copied by %s, with what the command reads of others', async (_, words, copied) => {
    const { code, stderr } = await fleet.project.call([...words(), '--results', PLACE]);
    expect([code, stderr]).toEqual([0, expect.not.stringMatching(/warning|error/u)]);
    expect(downloaded()).toEqual(copied().toSorted());
  });

  it('is copied alone for the examples of failures in the summary of a run', async () => {
    const status = await fleet.ledger.status(third);
    if (status === undefined) {
      throw new Error('the batch is gone');
    }
    let text = '';
    const out = new Writable({
      write: (chunk, _encoding, done) => {
        text += String(chunk);
        done();
      },
    });
    const { env, folder } = fleet.project;
    const context = {
      env: { ...env, ...server.env },
      cwd: folder.path,
      terminal: new Terminal({ stdout: out, stderr: out }),
      interrupts: new Interrupts(() => undefined),
    };
    const settings = readRunSettings({ results: PLACE }, context);
    const { ledger } = fleet;
    const report = { ledger, settings, isJson: false, before: undefined, startedAt: 0, status };
    await reportRun(report, context);
    expect(text).toContain('e.g. #0 HTTP 404');
    expect(downloaded()).toEqual([third]);
  });

  it('is copied by a retry that chooses, beside what it was compared with', async () => {
    const { code } = await fleet.json('retry', third, '--status', '404', '--results', PLACE);
    expect(code).toBe(0);
    expect(downloaded()).toEqual([second, third].toSorted());
  });
});
