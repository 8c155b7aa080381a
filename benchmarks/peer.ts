import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProcess } from '@fetchfleet/testing';
import type { Contender, Sample } from './contest.ts';

const PEERS = fileURLToPath(new URL('./peers/', import.meta.url));
/** The Python of Debian: others on the path may not see its packages. */
const PYTHON = ['/usr/bin/python3', 'python3'].find((path) => runs(path, ['--version']));
const DEADLINE_MS = 300_000;
/** Maximum of concurrent transfers of curl. */
const CURL_PARALLEL_MAX = 300;

/**
 * Another fetching program: it is in peers/, gets its task as JSON and prints one line of figures.
 */
export interface Peer {
  readonly name: string;
  /** Whether it can run here; if not, what to install. */
  readonly missing: string | undefined;
  readonly command: readonly string[];
}

export interface PeerTask {
  /** The URL with `{n}`. */
  readonly url: string;
  readonly fetches: number;
  readonly concurrency: number;
  /** Redis, for plain BullMQ only. @default none */
  readonly redisUrl?: string;
  /** Variables. @default none */
  readonly env?: Readonly<Record<string, string>>;
}

export const PEERS_BY_NAME = {
  undici: () => peer('bare undici loop', ['node', join(PEERS, 'undici-loop.ts')]),
  http2: () => peer('bare undici loop on HTTP/2', ['node', join(PEERS, 'http2-loop.ts')]),
  recording: () =>
    peer('bare undici loop with records', ['node', join(PEERS, 'recording-loop.ts')]),
  got: () => peer('bare got loop', ['node', join(PEERS, 'got-loop.ts')]),
  bullmq: () => peer('BullMQ, a job a fetch, got', ['node', join(PEERS, 'bullmq-got.ts')]),
  aiohttp: () => python('aiohttp + gather', 'aiohttp', ['aiohttp_gather.py']),
  uvloop: () => python('aiohttp + gather, uvloop', 'uvloop', ['aiohttp_gather.py', '--uvloop']),
  scrapy: () => python('Scrapy', 'scrapy', ['scrapy_spider.py']),
  crawlee: () => {
    const isThere = existsSync(join(PEERS, 'crawlee/node_modules/@crawlee/http'));
    const missing = isThere ? undefined : 'Crawlee: npm run bench:peers';
    return peer('Crawlee HttpCrawler', ['node', join(PEERS, 'crawlee/crawl.mjs')], missing);
  },
} satisfies Record<string, () => Peer>;

/** Every run is a new process, which warms up before its measurement. */
export function peerContender({ name, command }: Peer, task: PeerTask): Contender {
  const { url, concurrency, redisUrl = '', env = {} } = task;
  const run = async (fetches: number): Promise<Sample> => {
    const [program = '', ...before] = command;
    const warmUp = String(Math.ceil(fetches / 4));
    const flags = ['--url', url, '--fetches', String(fetches), '--warm-up', warmUp];
    const more = ['--concurrency', String(concurrency), '--redis', redisUrl];
    const running = await startProcess(program, [...before, ...flags, ...more], { env });
    const [line] = await running.waitForLine(/^\{.*"seconds".*\}$/, DEADLINE_MS);
    const { code } = await running.exit;
    if (code !== 0) {
      throw new Error(`${name} ended with ${code}: ${running.stderr}`);
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- printed by our own programs
    return JSON.parse(line) as Sample;
  };
  return { name, fetches: task.fetches, run, warmUp: 0 };
}

/** `curl --parallel` for one range of numbers, without output. It needs no warm-up. */
export function curlContender({ url, fetches, concurrency }: PeerTask): Contender {
  const parallel = String(Math.min(concurrency, CURL_PARALLEL_MAX));
  const run = async (wanted: number): Promise<Sample> => {
    const range = url.replace('{n}', `[0-${wanted - 1}]`);
    const curl = ['curl', '-sS', '--fail', '--parallel', '--parallel-max', parallel];
    const discard = ['-o', '/dev/null', range];
    const startedAt = performance.now();
    // The shell prints the CPU time of its children.
    const shell = ['-c', '"$@" && times', 'sh', ...curl, ...discard];
    const running = await startProcess('bash', shell);
    const { code } = await running.exit;
    const seconds = (performance.now() - startedAt) / 1000;
    if (code !== 0) {
      throw new Error(`curl ended with ${code}: ${running.stderr}`);
    }
    return { fetches: wanted, seconds, cpuMicros: childMicros(running.stdout) };
  };
  return { name: 'curl --parallel', fetches, run, warmUp: 0 };
}

export function curlIsThere(): boolean {
  return runs('curl', ['--parallel', '--version']) && runs('bash', ['--version']);
}

/** The second line of `times`: user and system time of all children, as 0m1.234s. */
function childMicros(times: string): number | undefined {
  const line = times.trim().split('\n').at(-1) ?? '';
  const parts = [...line.matchAll(/(\d+)m([\d.]+)s/g)];
  if (parts.length !== 2) {
    return undefined;
  }
  return (
    parts.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0) *
    1e6
  );
}

function peer(name: string, command: readonly string[], missing?: string): Peer {
  return { name, command, missing };
}

function python(name: string, module: string, args: readonly string[]): Peer {
  const [script = '', ...flags] = args;
  const command = [PYTHON ?? 'python3', join(PEERS, script), ...flags];
  const isThere = PYTHON !== undefined && runs(PYTHON, ['-c', `import ${module}`]);
  return peer(
    name,
    command,
    isThere ? undefined : `${name}: npm run bench:peers, or apt-get install python3-${module}`,
  );
}

function runs(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
