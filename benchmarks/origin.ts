import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { countries } from '@fetchfleet/crawl';
import { eventually, freePort, startProcess } from '@fetchfleet/testing';
import { startBuilt } from './binaries.ts';

/** A server to fetch from, in a process of its own. */
export interface Origin {
  readonly url: string;
  /** For people. */
  readonly name: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const slugs = countries('slug');

/** The URL of a loop's nth fetch: the same paths that the workers ask for. */
export function urlAt(origin: string, index: number): string {
  return `${origin}/country/${slugs[index % slugs.length]}/status/confirmed`;
}

/**
 * A crawl file of about `fetches` fetches of these URLs: every country, again and again. The number of the round stands in the
 * fragment, which is part of the record and not sent.
 */
export function crawlText(origin: string, fetches: number, concurrency: string): string {
  const rounds = Math.max(1, Math.round(fetches / slugs.length));
  return `
name: bench
url: ${origin}/country/{country}/status/confirmed{#round}
params:
  country: { countries: slug }
  round: { from: 1, to: ${rounds} }
politeness: { concurrency: ${concurrency}, robots: ignore }
network: { allowPrivate: true }
`;
}

/** The fastest origin there is: nginx where it is installed, otherwise the sample API. */
export async function startFastOrigin(folder: string): Promise<Origin> {
  const version = /nginx\/\S+/.exec(spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr ?? '');
  if (version === null) return startSampleApi(0);
  const sampleApi = await startSampleApi(0);
  try {
    const body = await (await fetch(urlAt(sampleApi.url, 0))).text();
    return await startNginx({ name: version[0], folder, body });
  } finally {
    await sampleApi.stop();
  }
}

export async function startSampleApi(latencyMs: number): Promise<Origin> {
  const flags = ['--port', '0', '--json', '--latency', `${latencyMs}ms`];
  const running = await startBuilt('sampleApi', flags);
  const [, url = ''] = await running.waitForLine(/"origin":"([^"]+)"/);
  const stop = async (): Promise<void> => void (await running.kill('SIGTERM'));
  return { url, name: 'sample API', pid: running.pid, stop };
}

async function startNginx(options: {
  readonly name: string;
  readonly folder: string;
  readonly body: string;
}): Promise<Origin> {
  const port = await freePort();
  const file = join(options.folder, 'nginx.conf');
  await writeFile(file, nginxConfig(port, options));
  const running = await startProcess('nginx', ['-p', options.folder, '-c', file]);
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => (await fetch(`${url}/country/`)).ok);
  const stop = async (): Promise<void> => void (await running.kill('SIGTERM'));
  return { url, name: options.name, pid: running.pid, stop };
}

/** One process that answers from its configuration: as little work for the origin as can be. */
function nginxConfig(port: number, { folder, body }: { folder: string; body: string }): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  return `
daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 75s; default_type application/json;
  ${temporary.join(' ')}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location /country/ { return 200 '${body}'; }
  }
}
`;
}
