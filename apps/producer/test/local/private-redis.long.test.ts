import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import {
  appendFile,
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { connectRedis } from '@fetchfleet/fleet';
import {
  eventually,
  installLeakGuard,
  type TemporaryFolder,
  temporaryFolder,
} from '@fetchfleet/testing';
import { openPrivateRedis, type PrivateRedis } from '../../src/local/private-redis.ts';
import { foreignIn, prepareRedisFolder, redisFolderOf } from '../../src/local/redis-folder.ts';

/** Short: most tests wait for the end of the server. */
const IDLE_MS = 500;

const open: PrivateRedis[] = [];
const folders: TemporaryFolder[] = [];

async function projectFolder(label = 'project'): Promise<string> {
  const folder = await temporaryFolder(label);
  folders.push(folder);
  return folder.path;
}

async function openIn(folder: string): Promise<PrivateRedis> {
  const redis = await openPrivateRedis({
    projectFolder: folder,
    env: process.env,
    idleMs: IDLE_MS,
  });
  open.push(redis);
  return redis;
}

/** Servers and supervisors with the folder as their working folder. */
function processesIn(folder: string): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .flatMap((name) => {
      try {
        const { cwd, command } = lookAt(name);
        return cwd.startsWith(folder) ? [{ pid: Number(name), command }] : [];
      } catch {
        return []; // it has ended meanwhile
      }
    });
}

function lookAt(pid: string): { cwd: string; command: string } {
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  return { cwd: readlinkSync(`/proc/${pid}/cwd`), command };
}

function serversIn(folder: string): number[] {
  return processesIn(folder)
    .filter(({ command }) => command.includes('redis-server'))
    .map(({ pid }) => pid);
}

afterEach(async () => {
  for (const redis of open.splice(0)) {
    redis.release();
  }
  for (const folder of folders.splice(0)) {
    await eventually(() => processesIn(folder.path).length === 0);
    await folder.remove();
  }
});

installLeakGuard();

describe('the private Redis of a project folder', () => {
  it('answers on a unix socket that only its owner may use, and keeps its data', async () => {
    const folder = await projectFolder();
    const first = await openIn(folder);
    const redis = await connectRedis(first.url);
    expect(await redis.config('GET', 'port')).toEqual(['port', '0']);
    expect(await redis.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
    expect(await redis.config('GET', 'maxmemory-policy')).toEqual([
      'maxmemory-policy',
      'noeviction',
    ]);
    await redis.set('kept', 'yes');
    redis.disconnect();
    first.release();
    await eventually(() => expect(processesIn(folder)).toEqual([]));
    const second = await openIn(folder);
    const again = await connectRedis(second.url);
    expect(await again.get('kept')).toBe('yes');
    again.disconnect();
  });

  it('is shared by all commands that open it at the same moment', async () => {
    const folder = await projectFolder();
    const opened = await Promise.all(Array.from({ length: 6 }, async () => openIn(folder)));
    expect(new Set(opened.map(({ url }) => url)).size).toBe(1);
    expect(serversIn(folder)).toHaveLength(1);
    await eventually(() => expect(processesIn(folder)).toHaveLength(2));
  });

  it('stays up as long as one client is connected', async () => {
    const folder = await projectFolder();
    const first = await openIn(folder);
    const second = await openIn(folder);
    const [pid] = serversIn(folder);
    const redis = await connectRedis(second.url);
    first.release();
    second.release();
    const until = performance.now() + 3 * IDLE_MS; // longer than it stays up without a client
    await eventually(async () => (await redis.ping()) === 'PONG' && performance.now() > until);
    expect(serversIn(folder)).toEqual([pid]);
    redis.disconnect();
  });

  it('is started again when it dies while a client is connected', async () => {
    const folder = await projectFolder();
    const { url } = await openIn(folder);
    const redis = await connectRedis(url);
    await redis.set('kept', 'yes');
    // it flushes every second: what was written before the last flush is safe
    await eventually(async () =>
      (await redis.info('persistence')).includes('aof_pending_bio_fsync:0'),
    );
    const [pid] = serversIn(folder);
    process.kill(pid ?? 0, 'SIGKILL');
    await eventually(() => serversIn(folder).length === 1 && serversIn(folder)[0] !== pid);
    await eventually(async () => expect(await redis.get('kept')).toBe('yes'));
    redis.disconnect();
  });

  it('waits longer for the clients of a server that died than for others', async () => {
    const folder = await projectFolder();
    const { url } = await openIn(folder);
    await eventually(() => expect(processesIn(folder)).toHaveLength(2));
    const [pid] = serversIn(folder);
    process.kill(pid ?? 0, 'SIGKILL');
    await eventually(() => serversIn(folder).length === 1 && serversIn(folder)[0] !== pid);
    const until = performance.now() + 4 * IDLE_MS; // the longest pause between two tries
    await eventually(() => performance.now() > until);
    const redis = await connectRedis(url);
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
  });

  it('gets a new supervisor from the next command when the first one was killed', async () => {
    const folder = await projectFolder();
    await openIn(folder);
    await eventually(() => expect(processesIn(folder)).toHaveLength(2));
    const supervisor = processesIn(folder).find(({ command }) => !command.includes('redis-server'));
    const pid = supervisor?.pid ?? 0;
    process.kill(pid, 'SIGKILL');
    // It has left its folder before its last thread ends, and with that its connection.
    await eventually(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'));
    await openIn(folder);
    await eventually(() => expect(processesIn(folder)).toHaveLength(2));
  });

  it('starts again for a command that connects while it shuts down', async () => {
    const folder = await projectFolder();
    for (let round = 0; round < 3; round++) {
      const first = await openIn(folder);
      const [pid] = serversIn(folder);
      first.release();
      // The supervisor shuts Redis down after a while without a client: connect at that moment.
      const log = redisFolderOf(folder).log;
      await eventually(
        () => readFileSync(log, 'utf8').split('User requested shutdown').length === round + 2,
        { intervalMs: 1 },
      );
      const second = await openIn(folder);
      const redis = await connectRedis(second.url);
      expect(await redis.incr('rounds')).toBe(round + 1);
      expect(serversIn(folder)).not.toContain(pid);
      redis.disconnect();
      second.release();
    }
  });

  it('has its socket in the temporary folder if its own path is too long', async () => {
    const root = await projectFolder();
    const folder = join(root, 'd'.repeat(60), 'e'.repeat(60));
    await mkdir(folder, { recursive: true });
    const { url } = await openIn(folder);
    expect(url).not.toContain('eee');
    const redis = await connectRedis(url);
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
  });

  it('ends when its folder is removed', async () => {
    const folder = await projectFolder();
    const redis = await openIn(folder);
    await eventually(() => processesIn(folder).length === 2);
    await folders.at(-1)?.remove();
    redis.release();
    const left = await eventually(() => processesIn(folder).length === 0);
    expect(left).toBe(true);
  });

  it('is closed to other users, whatever the umask is', async () => {
    const folder = await projectFolder();
    const mask = process.umask(0);
    await openIn(folder).finally(() => process.umask(mask));
    const own = join(folder, '.fetchfleet');
    const names = await readdir(own, { recursive: true });
    expect(names.length).toBeGreaterThan(5);
    const stats = await Promise.all(['', ...names].map(async (name) => stat(join(own, name))));
    expect(stats.filter(({ mode }) => (mode & 0o077) !== 0)).toEqual([]);
  });

  it('writes nothing through a link that was put in its folder', async () => {
    const folder = await projectFolder();
    const { path, log } = redisFolderOf(folder);
    await mkdir(path, { recursive: true, mode: 0o700 });
    await writeFile(join(folder, 'victim'), 'mine');
    await symlink(join(folder, 'victim'), log);
    await expect(openIn(folder)).rejects.toMatchObject({ exitCode: 3, code: 'REDIS_FOLDER' });
    expect(await readFile(join(folder, 'victim'), 'utf8')).toBe('mine');
  });

  it('says how to install redis-server if it is missing', async () => {
    const folder = await projectFolder();
    const opening = openPrivateRedis({ projectFolder: folder, env: { PATH: folder } });
    await expect(opening).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('apt-get install redis-server'),
    });
  });

  it('quotes its log when the server does not start', async () => {
    const folder = await projectFolder();
    const { path } = redisFolderOf(folder);
    await mkdir(join(path, 'appendonlydir'), { recursive: true });
    await appendFile(join(path, 'appendonlydir', 'appendonly.aof.manifest'), 'nonsense\n');
    const opening = openPrivateRedis({
      projectFolder: folder,
      env: process.env,
      timeoutMs: 2_000,
    });
    await expect(opening).rejects.toMatchObject({ exitCode: 3, code: 'REDIS_UNREACHABLE' });
  });
});

describe('a folder for the private Redis that others can change', () => {
  const own = '.fetchfleet';
  const inner = join(own, 'redis');
  const cases: readonly (readonly [string, string, (path: string) => Promise<void>, RegExp])[] = [
    ['everybody may write to it', own, async (path) => chmod(path, 0o777), /chmod -R go-w/u],
    ['its group may write to it', own, async (path) => chmod(path, 0o770), /chmod -R go-w/u],
    ['others may write to the data', inner, async (path) => chmod(path, 0o702), /chmod -R go-w/u],
    // Only root may give a folder away.
    ...(process.getuid?.() === 0
      ? [
          [
            'it belongs to another user',
            own,
            async (path: string) => chown(path, 1, 1),
            /another user \(uid 1\): run the command as that user/u,
          ] as const,
          [
            'the data belongs to another user',
            inner,
            async (path: string) => chown(path, 1, 1),
            /another user \(uid 1\)/u,
          ] as const,
        ]
      : []),
    ['it is a link', own, async (path) => moveBehindLink(path), /a symbolic link, not a folder/u],
    ['the data is a link', inner, async (path) => moveBehindLink(path), /a symbolic link/u],
    ['it is a file', own, async (path) => becomeFile(path), /a file, not a folder: remove it/u],
  ];

  it.each(cases)('is refused before anything is done there: %s', async (_, name, spoil, reason) => {
    const folder = await projectFolder();
    await mkdir(join(folder, inner), { recursive: true, mode: 0o700 });
    await spoil(join(folder, name));
    const before = await readdir(folder, { recursive: true });
    const message = expect.stringMatching(reason);
    await expect(openIn(folder)).rejects.toMatchObject({
      exitCode: 3,
      code: 'REDIS_FOLDER',
      message,
    });
    expect(foreignIn(redisFolderOf(folder))).toEqual(message);
    expect(await readdir(folder, { recursive: true })).toEqual(before);
  });

  it.each([0o700, 0o755])('is used if only others may not write to it: %o', async (mode) => {
    const folder = await projectFolder();
    await mkdir(join(folder, inner), { recursive: true });
    await chmod(join(folder, own), mode);
    await chmod(join(folder, inner), mode);
    expect(foreignIn(redisFolderOf(folder))).toBeUndefined();
    await prepareRedisFolder(redisFolderOf(folder));
    expect((await stat(join(folder, inner))).mode & 0o777).toBe(mode);
  });
});

async function moveBehindLink(path: string): Promise<void> {
  await rename(path, `${path}-moved`);
  await symlink(`${path}-moved`, path);
}

async function becomeFile(path: string): Promise<void> {
  await rm(path, { recursive: true });
  await writeFile(path, '');
}
