import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../resources/eventually.ts';
import { launchOnFreePort } from '../resources/free-port.ts';
import { track } from '../resources/registry.ts';
import { temporaryFolder } from '../resources/temporary-folder.ts';
import { killWithThisProcess } from '../resources/watchdog.ts';
import { redisCli } from './redis-cli.ts';
import { type CertificateFiles, tlsSettings } from './redis-tls.ts';
import { type PrivateRedis, startRedis } from './redis.ts';

const SENTINELS = 3;
const QUORUM = 2;
/** How long a master may be silent until it is replaced; a busy machine needs some room. */
const DOWN_AFTER_MS = 3_000;
const MASTER = 'shop.main';

interface RedisSentinelsOptions {
  /** Of the Sentinels. @default none */
  readonly sentinelPassword?: string;
  /** Of master and replica. @default none */
  readonly password?: string;
  /** Sentinels have a port for TLS as well, and lead to that of the master. @default none */
  readonly tls?: CertificateFiles;
}

/** A master with a replica, watched by three Sentinels; all real servers. */
export interface RedisSentinels {
  /** Name of the master. */
  readonly name: string;
  readonly ports: readonly number[];
  /** Of the Sentinels; empty without. */
  readonly tlsPorts: readonly number[];
  /** Master at the start, and its replica. */
  readonly servers: readonly [PrivateRedis, PrivateRedis];
  /** The port of the master, as the Sentinels know it. */
  masterPort(): Promise<number>;
  dispose(): Promise<void>;
}

export async function startRedisSentinels(
  options: RedisSentinelsOptions = {},
): Promise<RedisSentinels> {
  const { password, sentinelPassword, tls } = options;
  const login = password === undefined ? {} : { requirepass: password, masterauth: password };
  const start = async (more: Readonly<Record<string, string>> = {}) => {
    const secure = tls === undefined ? undefined : await tlsSettings(tls);
    const settings = { 'repl-diskless-sync-delay': '0', ...secure, ...login, ...more };
    const server = await startRedis({ appendonly: true, settings });
    // Sentinels tell clients the port that they use themselves.
    return { server, port: Number(secure?.['tls-port'] ?? server.port) };
  };
  const replication = tls === undefined ? {} : { 'tls-replication': 'yes' };
  const master = await start(replication);
  const replica = await start({ ...replication, replicaof: `127.0.0.1 ${master.port}` });
  const lines = [
    `sentinel monitor ${MASTER} 127.0.0.1 ${master.port} ${QUORUM}`,
    `sentinel down-after-milliseconds ${MASTER} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${MASTER} ${4 * DOWN_AFTER_MS}`,
    ...(password === undefined ? [] : [`sentinel auth-pass ${MASTER} ${password}`]),
    ...(sentinelPassword === undefined ? [] : [`requirepass ${sentinelPassword}`]),
  ];
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, async () =>
      launchOnFreePort(async (port) => launchSentinel(port, lines, tls)),
    ),
  );
  const ports = sentinels.map(({ port }) => port);
  const asUser =
    sentinelPassword === undefined ? [] : ['--no-auth-warning', '-a', sentinelPassword];
  const ask = async (port: number, ...command: readonly string[]): Promise<string> =>
    redisCli(port, ...asUser, 'SENTINEL', ...command);
  // A failover needs Sentinels that know each other and the replica.
  await eventually(async () => {
    const answers = await Promise.all(ports.map(async (port) => ask(port, 'MASTER', MASTER)));
    return answers.every(
      (text) => /num-slaves\n1\n/.test(text) && /num-other-sentinels\n2\n/.test(text),
    );
  });
  await eventually(async () => {
    const own = password === undefined ? [] : ['--no-auth-warning', '-a', password];
    const info = await redisCli(replica.server.port, ...own, 'INFO', 'replication');
    return info.includes('master_link_status:up');
  });
  return {
    name: MASTER,
    ports,
    tlsPorts: sentinels.flatMap(({ tlsPort }) => tlsPort ?? []),
    servers: [master.server, replica.server],
    masterPort: async () => {
      const answer = await ask(ports[0] ?? 0, 'GET-MASTER-ADDR-BY-NAME', MASTER);
      return Number(answer.split('\n')[1]);
    },
    dispose: async () => {
      await Promise.all(sentinels.map(async (sentinel) => sentinel.end()));
      await Promise.all([master.server.dispose(), replica.server.dispose()]);
    },
  };
}

async function launchSentinel(
  port: number,
  lines: readonly string[],
  tls: CertificateFiles | undefined,
): Promise<{ readonly port: number; readonly tlsPort?: number; end(): Promise<void> }> {
  const secure = tls === undefined ? undefined : await tlsSettings(tls);
  const secureLines = Object.entries({
    ...secure,
    ...(tls === undefined ? {} : { 'tls-replication': 'yes' }),
  }).map((pair) => pair.join(' '));
  const folder = await temporaryFolder('sentinel');
  const file = join(folder.path, 'sentinel.conf');
  const own = [`port ${port}`, 'bind 127.0.0.1', `dir ${folder.path}`];
  await writeFile(file, `${[...own, ...secureLines, ...lines].join('\n')}\n`);
  const child = spawn('redis-sentinel', [file], { stdio: 'ignore', detached: true });
  const callOff = child.pid === undefined ? undefined : killWithThisProcess(child.pid);
  child.once('exit', () => callOff?.());
  const end = async (): Promise<void> => {
    await endProcess(child);
    await folder.remove();
  };
  track({
    what: `redis-sentinel on port ${port}`,
    isOpen: () => child.exitCode === null && child.signalCode === null,
    close: end,
  });
  await eventually(async () => {
    if (child.exitCode !== null) {
      throw new Error(`redis-sentinel on port ${port} has ended`);
    }
    return redisCli(port, 'PING').then(
      () => true,
      (error: unknown) => String(error).includes('NOAUTH'),
    );
  });
  return { port, ...(secure === undefined ? {} : { tlsPort: Number(secure['tls-port']) }), end };
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}
