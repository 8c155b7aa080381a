import { statfs } from 'node:fs/promises';

/** The disk of a folder, in bytes. */
interface Disk {
  /** What its user may still fill. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** How much room the disk of a folder has for its user; null where it cannot be told. */
export async function diskOf(folder: string): Promise<Disk | null> {
  try {
    const { bavail, blocks, bsize } = await statfs(folder);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return null; // There is no such folder here.
  }
}
