import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Set in the process that has mounts of its own. */
const MARK = 'FETCHFLEET_CHAOS_NAMESPACE';

/**
 * Runs this program again with mounts of its own: small disks and another `/etc/resolv.conf`, which
 * nobody else sees and which end with the processes that see them. Root can do that, and others
 * where user namespaces are allowed.
 *
 * @returns the exit status of that process; undefined if this one is it, or none is possible
 */
export async function runInNamespace(): Promise<number | undefined> {
  const flags = process.getuid?.() === 0 ? ['-m'] : ['-rm'];
  const isPossible =
    process.platform === 'linux' && spawnSync('unshare', [...flags, 'true']).status === 0;
  if (process.env[MARK] !== undefined || !isPossible) {
    return undefined;
  }
  const program = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn('unshare', [...flags, ...program], {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: '1' },
  });
  // Ctrl-C reaches the child as well; it ends when it has stopped what it has started.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const [code]: (number | null)[] = await once(child, 'exit');
  return code ?? 1;
}

export function hasOwnMounts(): boolean {
  return process.env[MARK] !== undefined;
}

/** Mounts a small disk in memory at a folder, if this process has mounts of its own. */
export async function mountMemory(folder: string, sizeMiB: number): Promise<void> {
  if (hasOwnMounts()) {
    await mount('-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', folder);
  }
}

export async function mount(...args: readonly string[]): Promise<void> {
  return run('mount', args);
}

export async function unmount(path: string): Promise<void> {
  return run('umount', ['--lazy', path]);
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.on('data', (bytes: Buffer) => {
    output += bytes.toString();
  });
  const [code]: (number | null)[] = await once(child, 'close');
  if (code !== 0) {
    throw new Error(`${program} ${args.join(' ')} failed: ${output.trim()}`);
  }
}
