import { join } from 'node:path';
import { repositoryRoot, type Running, startProcess } from '@fetchfleet/testing';

/** How long a command may take while everything around it breaks. */
const DEADLINE_MS = 90_000;

export interface CommandResult {
  /** null if it was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly redisUrl: string;
  readonly cwd: string;
  /** A built clone. @default this one */
  readonly release?: string | undefined;
}

/** Starts `fetchfleet`, the command line of a release. */
export async function startCommand(
  args: readonly string[],
  { redisUrl, cwd, release = repositoryRoot }: CommandOptions,
): Promise<Running> {
  return startProcess('node', [join(release, 'apps/producer/bin/fetchfleet.js'), ...args], {
    cwd,
    env: { REDIS_URL: redisUrl, FETCHFLEET_FLEET: FLEET },
  });
}

/** The name of the fleet. */
export const FLEET = 'chaos';

/** Waits for its end. A command that takes too long is killed. */
export async function ended(running: Running): Promise<CommandResult> {
  const timer = setTimeout(() => running.signal('SIGKILL'), DEADLINE_MS);
  const { code } = await running.exit;
  clearTimeout(timer);
  return { code, stdout: running.stdout, stderr: running.stderr };
}
