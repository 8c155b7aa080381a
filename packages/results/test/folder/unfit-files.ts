import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { dirname, join, relative } from 'node:path';

/** The content of a file that nobody must change. */
export const VICTIM = 'written by somebody else\n';

const servers: Server[] = [];

/** What may be at a path instead of a file, how it is made, and what a message calls it. */
export const UNFIT: readonly (readonly [string, (path: string) => Promise<unknown>, string])[] = [
  ['a link to a file', async (path) => symlink(await victimFor(path), path), 'a symbolic link'],
  ['a relative link', linkRelatively, 'a symbolic link'],
  ['a link to nothing', async (path) => symlink('/no/such/file', path), 'a symbolic link'],
  ['a link to itself', async (path) => symlink(path, path), 'a symbolic link'],
  ['a link to /dev/zero', async (path) => symlink('/dev/zero', path), 'a symbolic link'],
  ['a named pipe', async (path) => execute('mkfifo', [path]), 'a named pipe'],
  ['a folder', async (path) => mkdir(path), 'a folder'],
  ['a socket', listen, 'a socket'],
  // Only root may make one.
  ...(process.getuid?.() === 0
    ? [
        [
          'a device without an end',
          async (path: string) => execute('mknod', [path, 'c', '1', '5']),
          'a device',
        ] as const,
      ]
    : []),
];

/** Puts something else at the path of a file. */
export async function replaceBy(
  make: (path: string) => Promise<unknown>,
  path: string,
): Promise<void> {
  await rm(path, { force: true, recursive: true });
  await make(path);
}

/** Makes a file beside the results folder. @returns its path */
export async function victimFor(path: string): Promise<string> {
  const victim = join(dirname(dirname(dirname(path))), 'victim');
  await writeFile(victim, VICTIM);
  return victim;
}

export async function closeSockets(): Promise<void> {
  const closing = servers.splice(0).map(async (server) => {
    server.close();
    await once(server, 'close');
  });
  await Promise.all(closing);
}

async function linkRelatively(path: string): Promise<void> {
  await symlink(relative(dirname(path), await victimFor(path)), path);
}

async function execute(program: string, args: readonly string[]): Promise<void> {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(stderr);
  }
}

async function listen(path: string): Promise<void> {
  const server = createServer().listen(path);
  await once(server, 'listening');
  servers.push(server);
}
