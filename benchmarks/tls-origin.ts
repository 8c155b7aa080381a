import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually, freePort, selfSigned, startProcess } from '@fetchfleet/testing';
import type { BenchContext } from './context.ts';
import { findEchoModule } from './origin.ts';
import { BODY_BYTES, bodyOf } from './origin-shapes.ts';

/** How long its slow answers take. */
export const SLOW_MS = 100;

/** An nginx that speaks TLS 1.3, and resumes sessions. */
export interface TlsOrigin {
  /** A URL whose connections stay open. */
  readonly kept: string;
  /** A URL whose connections end with the answer. */
  readonly fresh: string;
  /** A URL that answers slowly, on HTTP/2 as well; undefined without the echo module. */
  readonly slow: string | undefined;
  /** For clients on Node: they trust its certificate. */
  readonly env: Readonly<Record<string, string>>;
}

/** Starts it; undefined if there is no nginx. It is stopped at the end of the benchmark. */
export async function startTlsOrigin(context: BenchContext): Promise<TlsOrigin | undefined> {
  if (spawnSync('nginx', ['-v']).status !== 0) {
    return undefined;
  }
  const folder = await mkdtemp(join(context.folder, 'tls-'));
  const ports = { kept: await freePort(), fresh: await freePort(), slow: await freePort() };
  const { kept, fresh, slow } = ports;
  const echoModule = findEchoModule();
  const { cert, key } = selfSigned();
  const certificate = join(folder, 'cert.pem');
  await writeFile(certificate, cert);
  await writeFile(join(folder, 'key.pem'), key);
  await writeFile(join(folder, 'nginx.conf'), configOf(folder, ports, echoModule));
  const running = await startProcess('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')]);
  context.onEnd(async () => running.kill('SIGTERM'));
  await eventually(async () => isListening(fresh));
  return {
    kept: `https://127.0.0.1:${kept}/{n}`,
    fresh: `https://127.0.0.1:${fresh}/{n}`,
    slow: echoModule === undefined ? undefined : `https://127.0.0.1:${slow}/{n}`,
    env: { NODE_EXTRA_CA_CERTS: certificate },
  };
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isOpen;
}

function configOf(
  folder: string,
  { kept, fresh, slow }: Record<'kept' | 'fresh' | 'slow', number>,
  echoModule: string | undefined,
): string {
  const isKept = 'keepalive_requests 1000000000; keepalive_timeout 75s;';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  return `
${echoModule === undefined ? '' : `load_module ${echoModule};`}
daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr warn;
worker_rlimit_nofile 20000;
events { worker_connections 8192; }
http {
  access_log off; default_type application/json;
  ${temporary.join(' ')}
  ssl_certificate cert.pem; ssl_certificate_key key.pem;
  ssl_protocols TLSv1.3; ssl_session_cache shared:s:10m; ssl_session_tickets on;
  ${serverOf(`${kept} ssl`, isKept)}
  ${serverOf(`${fresh} ssl`, 'keepalive_timeout 0;')}
  ${echoModule === undefined ? '' : serverOf(`${slow} ssl http2`, isKept, slowly)}
}
`;
}

function serverOf(
  listen: string,
  keepAlive: string,
  answerOf = (answer: string) => answer,
): string {
  const answer = `return 200 '${bodyOf(BODY_BYTES[0])}';`;
  return `
  server {
    listen 127.0.0.1:${listen} backlog=4096;
    ${keepAlive}
    location / { ${answerOf(answer)} }
  }`;
}

function slowly(answer: string): string {
  return `echo_sleep ${SLOW_MS / 1000}; echo_exec @answer; } location @answer { ${answer}`;
}
