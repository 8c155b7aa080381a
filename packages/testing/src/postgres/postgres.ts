import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chownSync, globSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { eventually } from '../resources/eventually.ts';
import { launchOnFreePort } from '../resources/free-port.ts';
import { track } from '../resources/registry.ts';
import { temporaryFolder } from '../resources/temporary-folder.ts';
import { killWithThisProcess } from '../resources/watchdog.ts';

const READY = 'database system is ready to accept connections';
const PASSWORD = 'p-@:/%-secret';

/** A private PostgreSQL with an empty database. */
export interface PrivatePostgres {
  /** With user and password. */
  readonly url: string;
  readonly password: string;
  /** Ends every connection at once, as a crash does, and begins again. */
  restart(signal?: 'SIGKILL' | 'SIGQUIT'): Promise<void>;
  dispose(): Promise<void>;
}

/** Starts a private PostgreSQL on 127.0.0.1, for its own user if this one is root. */
export async function startPostgres(): Promise<PrivatePostgres> {
  const bin = programs();
  const folder = await temporaryFolder('postgres');
  const user = ordinaryUser();
  const passwordFile = join(folder.path, 'password');
  writeFileSync(passwordFile, PASSWORD);
  if (user !== undefined) {
    // Whatever the umask is: a test before this one may have changed that of the process.
    chownSync(folder.path, user.uid, user.gid);
    chownSync(passwordFile, user.uid, user.gid);
  }
  const data = join(folder.path, 'data');
  const made = spawnSync(
    join(bin, 'initdb'),
    [
      '-D',
      data,
      '-U',
      'fleet',
      '-E',
      'UTF8',
      '--locale=C',
      '-A',
      'scram-sha-256',
      '--no-sync',
    ].concat(['--pwfile', passwordFile]),
    { ...user, cwd: folder.path, encoding: 'utf8' },
  );
  if (made.status !== 0) {
    await folder.remove();
    throw new Error(`initdb failed: ${made.stdout}${made.stderr}${made.error?.message ?? ''}`);
  }
  const launch = async (onPort: number): Promise<ChildProcess> => {
    const args = ['-D', data, '-p', String(onPort), '-h', '127.0.0.1', '-k', folder.path, '-F'];
    return start(join(bin, 'postgres'), args, user);
  };
  let port = 0;
  let server = await launchOnFreePort(async (free) => {
    port = free;
    return launch(free);
  });
  const isRunning = (): boolean => server.exitCode === null && server.signalCode === null;
  const end = async (signal: 'SIGKILL' | 'SIGQUIT' = 'SIGQUIT'): Promise<void> => {
    if (isRunning()) {
      const ended = once(server, 'exit');
      server.kill(signal);
      await ended;
    }
  };
  const dispose = async (): Promise<void> => {
    await end();
    await folder.remove();
  };
  track({ what: `postgres on port ${port}`, isOpen: isRunning, close: dispose });
  return {
    url: `postgres://fleet:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`,
    password: PASSWORD,
    restart: async (signal) => {
      await end(signal);
      // The children of a killed server end by themselves, and until then no other one starts.
      await eventually(async () => {
        server = await launch(port).catch(() => server);
        return isRunning();
      });
    },
    dispose,
  };
}

type User = { readonly uid: number; readonly gid: number };

/** PostgreSQL refuses to run as root. */
function ordinaryUser(): User | undefined {
  if (process.getuid?.() !== 0) {
    return undefined;
  }
  return { uid: idOf('-u'), gid: idOf('-g') };
}

function idOf(flag: '-u' | '-g'): number {
  return Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
}

/** The folder of its programs. Debian keeps them out of the path. */
function programs(): string {
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...globSync('/usr/lib/postgresql/*/bin').toSorted().toReversed(),
  ];
  const found = folders.find((folder) => {
    try {
      accessSync(join(folder, 'initdb'));
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined) {
    throw new Error('PostgreSQL is missing: apt-get install postgresql');
  }
  return found;
}

async function start(
  program: string,
  args: readonly string[],
  user: User | undefined,
): Promise<ChildProcess> {
  // A process group of its own: Ctrl-C must reach the tests, which then stop their server.
  const child = spawn(program, args, {
    ...user,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const callOff = child.pid === undefined ? undefined : killWithThisProcess(child.pid);
  child.once('exit', () => callOff?.());
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`postgres ended: ${output}`)));
    child.stderr.on('data', (chunk: Buffer) => {
      output = `${output}${chunk.toString()}`.slice(-4_000);
      if (output.includes(READY)) {
        resolve();
      }
    });
  });
  return child;
}
