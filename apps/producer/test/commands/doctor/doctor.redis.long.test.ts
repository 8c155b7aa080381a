import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connectRedis } from '@fetchfleet/fleet';
import {
  binaryPath,
  closeAfterEach,
  eventually,
  freePort,
  redisUrl,
  startProcess,
  startRedis,
  temporaryFolder,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { Project } from '../../cli-fixture.ts';

closeAfterEach();

interface Found {
  readonly check: string;
  readonly verdict: string;
  readonly text: string;
}

function parse(stdout: string): Map<string, string> {
  const { findings }: { findings: Found[] } = JSON.parse(stdout);
  return new Map(findings.map(({ check, verdict, text }) => [check, `${verdict}: ${text}`]));
}

describe('doctor', () => {
  it('looks at everything else where there is no Redis', async () => {
    const project = await Project.create(`redis://127.0.0.1:${await freePort()}`);
    const { code, stdout } = await project.call(['doctor', '--json']);
    const found = parse(stdout);
    expect(found.get('connection')).toMatch(/^problem: .*cannot be reached/u);
    expect([...found.keys()]).toEqual(expect.arrayContaining(['open files', 'writing', 'DNS']));
    expect(code).toBe(3);
    await project.remove();
  });

  it('ends where Redis accepts connections and says nothing', async () => {
    const server = await startRedis();
    server.freeze();
    const project = await Project.create(server.url);
    const { code, stdout } = await project.call(['doctor', '--json']);
    expect(parse(stdout).get('connection')).toMatch(/^problem: .*no answer \(tried for 3 s\)/u);
    expect(code).toBe(3);
    server.thaw();
    await server.dispose();
    await project.remove();
  });

  it('tells the limit of open files of a process that really has one', async () => {
    const project = await Project.create(redisUrl());
    const program = `ulimit -n 256; exec ${process.execPath} ${binaryPath('fetchfleet')} "$@"`;
    const args = ['-c', program, 'sh', 'doctor', '--json', '--concurrency', '400'];
    const running = await startProcess('sh', args, {
      cwd: project.folder.path,
      env: { ...project.env },
    });
    await running.exit;
    expect(parse(running.stdout).get('open files')).toBe(
      'warning: the limit of 256 open files has room for 136 fetches in flight, not 400: raise ' +
        'it (ulimit -n, LimitNOFILE=)',
    );
    await project.remove();
  });

  it('refuses one node of a cluster with several shards', async () => {
    const nodes = [await startNode(), await startNode()];
    const [one, two] = nodes;
    await one?.redis.cluster('ADDSLOTSRANGE', 0, 8_000);
    await two?.redis.cluster('ADDSLOTSRANGE', 8_001, 16_383);
    await one?.redis.cluster('MEET', '127.0.0.1', two?.port ?? 0);
    await eventually(async () => {
      expect(await one?.redis.cluster('INFO')).toMatch(/cluster_size:2/u);
    });
    const project = await Project.create(`redis://127.0.0.1:${one?.port}`);
    const { code, stdout } = await project.call(['doctor', '--json']);
    expect(parse(stdout).get('server')).toMatch(/^problem: .*one node of a cluster/u);
    expect(code).toBe(1);
    for (const node of nodes) {
      await node.stop();
    }
    await project.remove();
  });
});

async function startNode() {
  const port = await freePort();
  const folder = await temporaryFolder('node');
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--cluster-enabled', 'yes', '--save', '', '--dir', folder.path],
    { stdio: 'ignore' },
  );
  const redis: Redis = await connectRedis(`redis://127.0.0.1:${port}`);
  return {
    port,
    redis,
    stop: async (): Promise<void> => {
      redis.disconnect();
      child.kill('SIGKILL');
      await once(child, 'exit');
      await folder.remove();
    },
  };
}
