import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a server answers to one command, as `redis-cli` prints it. Rejects for an error. */
export async function redisCli(port: number, ...command: readonly string[]): Promise<string> {
  const { stdout } = await run('redis-cli', ['-e', '-p', String(port), ...command]);
  return stdout.trim();
}
