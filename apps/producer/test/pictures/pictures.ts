// Draws docs/images/NAME.svg: what terminals show of a run, of a batch, and of origins.
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import {
  closeResources,
  openResources,
  repositoryRoot,
  startProcess,
  startRedis,
  temporaryFolder,
} from '@fetchfleet/testing';
import { programsIn } from '../docs-fixture.ts';
import { frameToSvg } from './frame-to-svg.ts';
import { frameOf, type FrameOptions } from './terminal.ts';

const { path: cwd } = await temporaryFolder('pictures');
const { FORCE_COLOR: _, NO_COLOR: __, REDIS_URL: ___, ...inherited } = process.env;
const path = [await programsIn(cwd), process.env['PATH']].join(delimiter);
const env = { ...inherited, PATH: path, TERM: 'xterm-256color' };

try {
  const api = await startApi('--latency', '100ms', '--jitter', '50ms');
  await writeCrawl('countries', api, '');
  await draw('run', {
    command: 'fetchfleet run countries.yaml --concurrency 50',
    rows: 20,
    until: /fetchfleet export/u,
    env,
  });
  await drawFleet(api);
} finally {
  await closeResources(openResources());
}

/** A batch over three origins, one of which refuses what is beyond its limit. */
async function drawFleet(first: string): Promise<void> {
  const redis = await startRedis();
  const fleet = { ...env, REDIS_URL: redis.url };
  const second = await startApi('--latency', '150ms', '--limit', '40/s');
  const third = await startApi('--latency', '80ms');
  for (const flags of [[], [], ['--concurrency', '30']]) {
    const own = ['--allow-private', '--metrics-port', '0', '--results', join(cwd, 'results')];
    const worker = await startProcess('fetchfleet-worker', [...own, ...flags], { env: fleet });
    await worker.waitForLine(/worker ready/u);
  }
  const ports = [first, second, third].map((origin) => new URL(origin).port).join(', ');
  await writeCrawl(
    'history',
    'http://127.0.0.1:{port}',
    `port: [${ports}], year: { from: 2010, to: 2024 }`,
  );
  const batch = await call(['start', 'history.yaml'], fleet);
  await draw('live-view', {
    command: `fetchfleet status ${batch} --watch`,
    rows: 24,
    until: /[2-9]\d\.\d%[^]*(?:blocked|learned)/u,
    env: fleet,
  });
  await call(['origins', 'set', third, '--rate', '30/s'], fleet);
  await draw('origins', {
    command: 'fetchfleet origins --watch',
    rows: 16,
    until: /30\/s[^]*(?:blocked|learned)|(?:blocked|learned)[^]*30\/s/u,
    env: fleet,
  });
}

async function draw(name: string, options: Omit<FrameOptions, 'columns' | 'cwd'>): Promise<void> {
  const frame = await frameOf({ columns: 108, cwd, ...options });
  const file = join(repositoryRoot, `docs/images/${name}.svg`);
  await writeFile(file, frameToSvg(frame, options.command));
}

/** Runs a command to its end. @returns what it printed */
async function call(args: readonly string[], variables: NodeJS.ProcessEnv): Promise<string> {
  const running = await startProcess('fetchfleet', args, { cwd, env: variables });
  const { code } = await running.exit;
  if (code !== 0) {
    throw new Error(`fetchfleet ${args.join(' ')}: ${code}\n${running.stderr}`);
  }
  return running.stdout.trim();
}

async function startApi(...flags: readonly string[]): Promise<string> {
  const api = await startProcess('fetchfleet-sample-api', ['--port', '0', '--json', ...flags]);
  const [line] = await api.waitForLine(/^\{.*\}$/u);
  return (JSON.parse(line) as { readonly origin: string }).origin;
}

async function writeCrawl(name: string, origin: string, params: string): Promise<void> {
  const year = params.includes('year') ? '?year={year}' : '';
  const lines = [
    `name: ${name}`,
    `url: '${origin}/country/{country}/status/confirmed${year}'`,
    `params: { country: { countries: slug }, ${params} }`,
    'network: { allowPrivate: true }',
    'contact: crawler@example.com',
  ];
  await writeFile(join(cwd, `${name}.yaml`), `${lines.join('\n')}\n`);
}
