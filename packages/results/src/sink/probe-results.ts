import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../folder/durable-folder.ts';
import { SinkError } from './sink.ts';

/**
 * Checks that files in the results folder can be made durable. Creates the folder if it is missing.
 *
 * @throws SinkError
 */
export async function probeResults(dir: string): Promise<void> {
  const path = join(dir, `.probe-${randomUUID()}`);
  try {
    await makeFolder(dir);
    const handle = await open(path, 'wx');
    try {
      await handle.write('probe\n');
      await handle.datasync();
    } finally {
      await handle.close();
      await rm(path, { force: true });
    }
  } catch (error) {
    throw new SinkError('write results to', dir, error);
  }
}
