import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { readProcessLimits } from '../../src/index.ts';

async function files(contents: Readonly<Record<string, string>>) {
  const folder = await temporaryFolder('limits');
  for (const [name, text] of Object.entries(contents)) {
    await mkdir(join(folder.path, name, '..'), { recursive: true });
    await writeFile(join(folder.path, name), text);
  }
  const limits = await readProcessLimits({
    proc: join(folder.path, 'proc'),
    cgroup: join(folder.path, 'cgroup'),
  });
  await folder.remove();
  return limits;
}

describe('the limits of a process', () => {
  it('are unknown where the system has no such files', async () => {
    const { freeProcesses, ports, memoryBytes } = await files({});
    expect([freeProcesses, ports]).toEqual([Infinity, Infinity]);
    expect(memoryBytes).toBeGreaterThan(1e6);
  });

  it.each([
    ['version 2', '0::/a/b\n', 'cgroup/a'],
    ['version 2 in a container', '0::/\n', 'cgroup'],
    ['version 1', '5:cpu:/x\n4:pids:/a/b\n1:name=systemd:/x\n', 'cgroup/pids/a'],
  ])('count processes by the strictest group: %s', async (_what, groups, folder) => {
    const limits = await files({
      'proc/self/cgroup': groups,
      'proc/sys/net/ipv4/ip_local_port_range': '32768\t60999\n',
      [`${folder}/pids.max`]: '100\n',
      [`${folder}/pids.current`]: '97\n',
      'cgroup/x/pids.max': '1\n',
      'cgroup/x/pids.current': '1\n',
    });
    expect(limits).toMatchObject({ freeProcesses: 3, ports: 28_232 });
  });

  it('are none where a group says max', async () => {
    const limits = await files({
      'proc/self/cgroup': '0::/\n',
      'cgroup/pids.max': 'max\n',
      'cgroup/pids.current': '97\n',
    });
    expect(limits.freeProcesses).toBe(Infinity);
  });
});
