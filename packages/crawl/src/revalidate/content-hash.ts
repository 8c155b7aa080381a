import { createHash, hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { HASH_LENGTH } from './validators.ts';

/** Takes about a millisecond. */
const STEP = 1024 * 1024;

export function contentHash(content: string | Buffer): string {
  return hash('sha256', content, 'base64url').slice(0, HASH_LENGTH);
}

/** The same in steps, for large contents: no step blocks the process for long. */
export async function contentHashInSteps(content: Buffer): Promise<string> {
  const digest = createHash('sha256');
  for (let at = 0; at < content.length; at += STEP) {
    digest.update(content.subarray(at, at + STEP));
    await setImmediate();
  }
  return digest.digest('base64url').slice(0, HASH_LENGTH);
}
