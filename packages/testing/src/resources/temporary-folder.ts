import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { track } from './registry.ts';

export interface TemporaryFolder {
  readonly path: string;
  /** Removes the folder and its content. May be called twice. */
  remove(): Promise<void>;
}

/** Creates an empty folder under the system's temporary folder. */
export async function temporaryFolder(label = 'test'): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), `fetchfleet-${label}-`));
  const remove = async () => rm(path, { recursive: true, force: true, maxRetries: 5 });
  track({ what: `temporary folder ${path}`, isOpen: () => existsSync(path), close: remove });
  return { path, remove };
}
