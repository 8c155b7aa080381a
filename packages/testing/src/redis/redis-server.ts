import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { killWithThisProcess } from '../resources/watchdog.ts';

const START_DEADLINE_MS = 10_000;

export interface RedisServerOptions {
  readonly port: number;
  readonly dir: string;
  readonly appendonly: boolean;
  readonly appendfsync: 'always' | 'everysec' | 'no';
  /** Further settings of redis.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A running `redis-server`. It ends with this process at the latest. */
export interface RedisServer {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Sends the signal and resolves when the process has ended. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/** `REDIS_SERVER` names another program, such as `valkey-server`. */
function programOf(env: NodeJS.ProcessEnv): string {
  return env['REDIS_SERVER'] || 'redis-server';
}

/** Starts `redis-server` on 127.0.0.1 and resolves when it answers PING. */
export async function launchRedisServer(options: RedisServerOptions): Promise<RedisServer> {
  const child = spawn(programOf(process.env), serverArguments(options), {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own: Ctrl-C must reach the tests, which then stop their server.
    detached: true,
  });
  let output = '';
  const collect = (chunk: Buffer) => {
    output = `${output}${chunk.toString()}`.slice(-4_000);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  let failure: Error | undefined;
  child.once('error', (cause) => {
    failure = new Error('redis-server cannot be started', { cause });
  });
  child.once('exit', (code) => {
    failure ??= new Error(`redis-server ended (${code}): ${output}`);
  });
  const callOff = child.pid === undefined ? undefined : killWithThisProcess(child.pid);
  child.once('exit', () => callOff?.());
  try {
    await untilReady(options.port, { output: () => output, failure: () => failure });
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  const { pid } = child;
  if (pid === undefined) {
    throw new Error('redis-server has no pid');
  }
  return { child, pid, end: async (signal) => endProcess(child, signal) };
}

function serverArguments(options: RedisServerOptions): string[] {
  const { port, dir, appendonly, appendfsync, settings: more } = options;
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir,
    save: '',
    appendonly: appendonly ? 'yes' : 'no',
    appendfsync,
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
    ...more,
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

interface Progress {
  readonly output: () => string;
  readonly failure: () => Error | undefined;
}

/** Its log line and an answer: an answer alone could come from another server on that port. */
async function untilReady(port: number, { output, failure }: Progress): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS;
  while (!output().includes('Ready to accept connections') || !(await answersPing(port))) {
    const failed = failure();
    if (failed !== undefined) {
      throw failed;
    }
    if (performance.now() > deadline) {
      throw new Error(`redis-server on port ${port} does not answer: ${output()}`);
    }
    await sleep(10);
  }
}

/**
 * Whether a Redis on this port of 127.0.0.1 answers PONG, or asks for a password; not while it
 * loads its data.
 */
async function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const done = (isReady: boolean) => {
      socket.destroy();
      resolve(isReady);
    };
    socket.setTimeout(1_000, () => done(false));
    socket.once('error', () => done(false));
    socket.once('close', () => done(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (chunk: Buffer) => done(/^(?:\+PONG|-NOAUTH)/.test(chunk.toString())));
  });
}

async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}
