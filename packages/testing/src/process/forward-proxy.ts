import { readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { launchOnFreePort } from '../resources/free-port.ts';
import { eventually } from '../resources/eventually.ts';
import { track } from '../resources/registry.ts';
import { temporaryFolder } from '../resources/temporary-folder.ts';
import { type Running, startProcess } from './process.ts';

export interface ForwardProxyOptions {
  /** @default everybody may use it */
  readonly user?: { readonly name: string; readonly password: string };
  /** @default a free one */
  readonly port?: number;
}

/** A real forward proxy on 127.0.0.1. */
export interface ForwardProxy {
  readonly port: number;
  /** Without credentials. */
  readonly url: string;
  /** What it has logged so far: lines of each request; of squid, `client port · method · URL`. */
  readonly log: string;
  stop(): Promise<void>;
}

/** Starts a `tinyproxy` of its own. */
export async function startTinyproxy({
  user,
  port,
}: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  return start(port, (own) => ({
    command: 'tinyproxy',
    args: (file) => ['-d', '-c', file],
    config: [
      `Port ${own}`,
      'Listen 127.0.0.1',
      'Timeout 60',
      'MaxClients 100',
      'LogLevel Connect',
      ...(user === undefined ? [] : [`BasicAuth ${user.name} ${user.password}`]),
    ],
  }));
}

/** Starts a `squid` of its own, with the rules that Debian gives it. */
export async function startSquid({
  port,
}: Pick<ForwardProxyOptions, 'port'> = {}): Promise<ForwardProxy> {
  return start(port, (own, folder) => ({
    command: 'squid',
    args: (file) => ['-N', '-f', file],
    config: [
      `http_port 127.0.0.1:${own}`,
      'acl SSL_ports port 443',
      'acl CONNECT method CONNECT',
      'http_access deny CONNECT !SSL_ports',
      'http_access allow all',
      'logformat own %>p %rm %ru',
      `access_log stdio:${folder}/access.log own`,
      `cache_log ${folder}/cache.log`,
      `pid_filename ${folder}/squid.pid`,
      `coredump_dir ${folder}`,
      'shutdown_lifetime 0 seconds',
      'cache deny all',
      'pinger_enable off',
    ],
    logFile: `${folder}/access.log`,
  }));
}

interface Program {
  readonly command: string;
  readonly args: (configFile: string) => readonly string[];
  readonly config: readonly string[];
  /** @default it logs to stdout */
  readonly logFile?: string;
}

async function start(
  wanted: number | undefined,
  programOf: (port: number, folder: string) => Program,
): Promise<ForwardProxy> {
  const folder = await temporaryFolder('proxy');
  await chmod(folder.path, 0o777); // squid gives up its rights
  try {
    return await launchOnFreePort(
      async (port) => launch(port, programOf(port, folder.path), folder),
      wanted,
    );
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

async function launch(
  port: number,
  { command, args, config, logFile }: Program,
  folder: Awaited<ReturnType<typeof temporaryFolder>>,
): Promise<ForwardProxy> {
  const file = `${folder.path}/proxy.conf`;
  await writeFile(file, `${config.join('\n')}\n`);
  const running = await startProcess(command, args(file));
  const proxy = new ProcessProxy(port, running, { logFile, remove: async () => folder.remove() });
  track({
    what: `${command} on port ${port}`,
    isOpen: () => running.isRunning,
    close: async () => proxy.stop(),
  });
  await eventually(async () => !running.isRunning || (await isListening(port)));
  // Another process may be the one that listens there.
  if (!running.isRunning) {
    throw new Error(`${command} has ended: ${running.stdout}${running.stderr}`);
  }
  return proxy;
}

class ProcessProxy implements ForwardProxy {
  readonly port: number;
  readonly url: string;
  readonly #running: Running;
  readonly #remove: () => Promise<void>;
  readonly #logFile: string | undefined;

  constructor(
    port: number,
    running: Running,
    {
      logFile,
      remove,
    }: { readonly logFile: string | undefined; readonly remove: () => Promise<void> },
  ) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#running = running;
    this.#remove = remove;
    this.#logFile = logFile;
  }

  get log(): string {
    return this.#logFile === undefined
      ? `${this.#running.stdout}${this.#running.stderr}`
      : readFileSync(this.#logFile, 'utf8');
  }

  async stop(): Promise<void> {
    if (this.#running.isRunning) {
      await this.#running.kill();
    }
    await this.#remove();
  }
}

async function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
