import { BODY_BYTES, bodyOf, DELAYS_MS, HUNG, HUNG_BASE_MS, HUNG_MS } from './origin-shapes.ts';

export interface NginxOptions {
  readonly port: number;
  /** Folder of the bodies, b<bytes>.json. */
  readonly folder: string;
  /** Path of the echo module; without it there are no delays. */
  readonly echoModule: string | undefined;
}

/** The configuration of one process. It contains the small bodies, which is the least work. */
export function nginxConfig({ port, folder, echoModule }: NginxOptions): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  const [usual, ...larger] = BODY_BYTES;
  const files = larger.map(
    (bytes) => `location /b${bytes}/ { root ${folder}; rewrite ^ /b${bytes}.json break; }`,
  );
  return `
${echoModule === undefined ? '' : `load_module ${echoModule};`}
daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr warn;
worker_rlimit_nofile 20000;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 75s; default_type application/json;
  sendfile on; tcp_nopush on; open_file_cache max=100;
  ${temporary.join(' ')}
  # About one request in a hundred, and not always the same ones.
  split_clients "$connection-$connection_requests" $is_bad { 1% 1; * 0; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location /b${usual}/ { return 200 '${bodyOf(usual)}'; }
    location /flaky/ { if ($is_bad) { return 500; } return 200 '${bodyOf(usual)}'; }
    ${files.join('\n    ')}
    ${echoModule === undefined ? '' : delays(usual)}
  }
}
`;
}

function delays(usual: number): string {
  const wait = (ms: number): string => `echo_sleep ${ms / 1000}; echo_exec /b${usual}/0;`;
  return [
    ...DELAYS_MS.map((ms) => `location /d${ms}/ { ${wait(ms)} }`),
    `location ~ "^/hung/${HUNG}$" { ${wait(HUNG_MS)} }`,
    `location /hung/ { ${wait(HUNG_BASE_MS)} }`,
  ].join('\n    ');
}
