import { statfs } from 'node:fs/promises';
import type { OverviewDocument } from '../api/documents.ts';

/** How much room the disk of a folder has for its user; null where it cannot be told. */
export async function diskOf(folder: string): Promise<OverviewDocument['resultsDisk']> {
  try {
    const { bavail, blocks, bsize } = await statfs(folder);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return null; // There is no such folder here.
  }
}
