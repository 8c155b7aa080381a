import { existsSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually, freePort, type Running, startProcess } from '@fetchfleet/testing';
import { nginxConfig } from './origin-nginx.ts';
import { BODY_BYTES, bodyOf, DELAYS_MS } from './origin-shapes.ts';

const ECHO_MODULES = [
  '/usr/lib/nginx/modules',
  '/usr/share/nginx/modules',
  '/usr/lib64/nginx/modules',
];

/** A server to fetch from, in its own process. */
export interface Origin {
  /** Description for people. */
  readonly name: string;
  /** Answers at once. @param bytes size of the body, one of `BODY_BYTES`. @default 1200 */
  items(bytes?: number): string;
  /** Answers after a delay. */
  delayed(ms: number): string;
  /** Like `delayed(100)`, but numbers that `HUNG` matches take `HUNG_MS`. */
  hung(): string;
  /** One answer in a hundred is a 500, for any client. */
  flaky(): string;
  stop(): Promise<void>;
}

/** nginx if it is installed, and a small Node server for what nginx cannot do. */
export async function startOrigin(folder: string): Promise<Origin> {
  const version = /nginx\/\S+/.exec(spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr ?? '');
  const echo = findEchoModule();
  if (version === null) {
    return originOf('Node', [await startNodeOrigin()]);
  }
  const nginx = await startNginx(folder, echo);
  if (echo !== undefined) {
    return originOf(version[0], [nginx]);
  }
  return originOf(`${version[0]}, delays by Node`, [nginx, await startNodeOrigin()]);
}

/** The module of nginx that delays answers; undefined if it is not installed. */
export function findEchoModule(): string | undefined {
  return ECHO_MODULES.map((dir) => join(dir, 'ngx_http_echo_module.so')).find(existsSync);
}

interface Server {
  readonly url: string;
  readonly running: Running;
}

/** @param servers the last one supports delays */
function originOf(name: string, servers: readonly Server[]): Origin {
  const fast = servers[0]?.url ?? '';
  const slow = servers.at(-1)?.url ?? '';
  return {
    name,
    items: (bytes = BODY_BYTES[0]) => `${fast}/b${bytes}/{n}`,
    delayed: (ms) => `${slow}/d${ms}/{n}`,
    hung: () => `${slow}/hung/{n}`,
    flaky: () => `${fast}/flaky/{n}`,
    stop: async () => {
      await Promise.all(servers.map(async ({ running }) => running.kill('SIGTERM')));
    },
  };
}

async function startNodeOrigin(): Promise<Server> {
  const file = fileURLToPath(new URL('./origin-server.ts', import.meta.url));
  const running = await startProcess('node', [file]);
  const [, port = ''] = await running.waitForLine(/listening on (\d+)/);
  return { url: `http://127.0.0.1:${port}`, running };
}

async function startNginx(folder: string, echoModule: string | undefined): Promise<Server> {
  const port = await freePort();
  const own = join(folder, 'nginx');
  await mkdir(own, { recursive: true });
  for (const bytes of BODY_BYTES) {
    await writeFile(join(own, `b${bytes}.json`), bodyOf(bytes));
  }
  const file = join(own, 'nginx.conf');
  await writeFile(file, nginxConfig({ port, folder: own, echoModule }));
  const running = await startProcess('nginx', ['-p', own, '-c', file]);
  const url = `http://127.0.0.1:${port}`;
  const probe = echoModule === undefined ? 'b1200/0' : `d${DELAYS_MS[0]}/0`;
  await eventually(async () => (await fetch(`${url}/${probe}`)).ok);
  return { url, running };
}
