import { spawnSync } from 'node:child_process';
import { cpus, platform, release, totalmem } from 'node:os';
import { repositoryRoot } from '@fetchfleet/testing';

const VERSIONS: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['Redis', 'redis-server', '-v'],
  ['nginx', 'nginx', '-v'],
  ['curl', 'curl', '-V'],
  ['Python', '/usr/bin/python3', '--version'],
  ['aiohttp', '/usr/bin/python3', '-c', 'import aiohttp; print(aiohttp.__version__)'],
  ['Scrapy', '/usr/bin/python3', '-c', 'import scrapy; print(scrapy.__version__)'],
];

/** The machine and the versions on which figures depend, as lines. */
export function describeMachine(): string[] {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`;
  const system = `${platform()} ${release()}`;
  const found = VERSIONS.flatMap(([name, command, ...args]) => {
    const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    const version = /\d+(\.\d+)+/.exec(`${stdout ?? ''}${stderr ?? ''}`.split('\n')[0] ?? '');
    return version === null ? [] : [`${name} ${version[0]}`];
  });
  return [
    `${cpus().length} × ${cpu?.model.trim() ?? 'unknown CPU'}, ${memory}, ${system}`,
    [`Node ${process.versions.node}`, ...found].join(', '),
  ];
}

/** The measured commit, with a + if files have changed since; empty outside of git. */
export function describeCommit(): string {
  const isChanged = git('status', '--porcelain', '--', 'apps', 'packages') !== '';
  return git('rev-parse', '--short', 'HEAD') + (isChanged ? '+' : '');
}

function git(...args: string[]): string {
  return (spawnSync('git', args, { cwd: repositoryRoot, encoding: 'utf8' }).stdout ?? '').trim();
}
