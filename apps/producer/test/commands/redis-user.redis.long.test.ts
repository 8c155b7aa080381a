import { readFile } from 'node:fs/promises';
import { connectRedis } from '@fetchfleet/fleet';
import {
  closeAfterEach,
  eventually,
  type Running,
  startOrigin,
  startRedis,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { crawlFile, Project } from '../cli-fixture.ts';

closeAfterEach();

const PAGE = new URL('../../../../docs/operations.md', import.meta.url);

const BACKLOG = 'fetchfleet_backlog_fetches{state="runnable"}';

/** Both lists of the page: by category, and command by command. */
async function listsOfRules(): Promise<string[]> {
  const page = await readFile(PAGE, 'utf8');
  const found = [...page.matchAll(/ACL SETUSER fleet on '>PASSWORD' ([^`]+?)\n```/gu)];
  return found.map(([, rules = '']) => rules);
}

/** The rules as a shell reads them, for a fleet of this name. */
function wordsOf(rules: string, fleet: string): string[] {
  const words = rules.replaceAll(/\\\n/gu, ' ').trim().split(/\s+/u);
  return words.map((word) => word.replaceAll("'", '').replace('fetchfleet', fleet));
}

/** What users were refused, without the `INFO` that they need not have. */
async function refused(admin: Redis): Promise<string[]> {
  const reply = await admin.call('ACL', 'LOG', '100');
  const entries = Array.isArray(reply) ? reply.map((entry: unknown) => JSON.stringify(entry)) : [];
  return entries.filter((entry) => !entry.includes('"object","info"'));
}

async function textAt(running: Running, path: string): Promise<string> {
  const [address = ''] = await running.waitForLine(/http:[^\s"]+/u);
  const { origin } = new URL(address);
  const answer = await fetch(`${origin}${path}`);
  return `${answer.status} ${await answer.text()}`;
}

describe('a user of Redis with the rules of docs/operations.md', () => {
  it.each([0, 1])('is permitted all that fetchfleet does: list %i', async (list) => {
    const server = await startRedis();
    const admin = await connectRedis(server.url);
    const origin = await startOrigin();
    const project = await Project.create(`redis://fleet:PASSWORD@127.0.0.1:${server.port}`);
    const fleet = project.env['FETCHFLEET_FLEET'] ?? '';
    const rules = wordsOf((await listsOfRules())[list] ?? '', fleet);
    await admin.call('ACL', 'SETUSER', 'fleet', 'on', '>PASSWORD', ...rules);
    const file = await project.write('c.yaml', crawlFile(origin.url, 120));
    const call = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await project.call(args);
      expect(`${args.join(' ')}: ${code} ${code === 0 ? '' : stderr}`).toBe(
        `${args.join(' ')}: 0 `,
      );
      return stdout.trim();
    };

    const results = project.path('results');
    const flags = ['--allow-private', '--metrics-port', '0', '--results', results];
    // Before the worker, which would export the figures of the fleet otherwise.
    const exporter = await project.start(['exporter', '--port', '0']);
    await eventually(async () => (await textAt(exporter, '/metrics')).includes(BACKLOG));
    const worker = await project.start([...flags, '--log-format', 'json'], {
      command: 'fetchfleet-worker',
    });
    await worker.waitForLine(/worker ready/u);
    const web = await project.start(['web', '--port', '0', '--results', results]);
    const batch = (await call('start', file, '--new', '--wait', '--results', results)).split(
      '\n',
    )[0];
    await call('schedule', 'add', file, '--cron', '@daily', '--id', 'often');
    await call('schedule', 'run-now', 'often');
    await eventually(async () => (await call('batches', '--json')).split('"batch":').length > 2);
    await call('schedule', 'list');
    await call('schedule', 'pause', 'often');
    await call('schedule', 'resume', 'often');
    await call('schedule', 'remove', 'often');
    await call('status', batch ?? '');
    await call('failures', batch ?? '');
    for (const command of ['batches', 'workers', 'origins', 'doctor']) {
      await call(command);
    }
    await call('origins', 'set', origin.url, '--rate', '100/s');
    await call('origins', 'unset', origin.url);
    const second = (await call('start', file, '--new')).split('\n')[0] ?? '';
    await call('pause', second);
    await call('resume', second);
    await call('cancel', second);
    await call('prune', '--older-than', '1s', '--yes', '--results', results);
    // Scrapes within two seconds share a snapshot: the one before the worker may still be served.
    const figures = await eventually(async () => {
      const page = await textAt(exporter, '/metrics');
      return page.includes('fetchfleet_workers 1') && page;
    });
    expect(figures).not.toMatch(/^fetchfleet_redis_memory/mu);
    expect(await textAt(web, '/api/overview')).toMatch(/^200 .*"redisMemoryBytes":0/u);

    for (const program of [web, exporter, worker]) {
      await program.kill('SIGTERM');
      expect(program.stderr).not.toMatch(/NOPERM|INFO command|"level":"(?:warn|error)"/u);
    }
    expect(await refused(admin)).toEqual([]);
    admin.disconnect();
    await server.dispose();
    await project.remove();
  });
});
