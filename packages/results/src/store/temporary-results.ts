import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ResultsUnreadableError, systemErrorCode } from '../folder/errors.ts';
import { batchFolder, manifestPath, partPath } from '../folder/layout.ts';
import type { Manifest } from '../folder/manifest.ts';
import type { CheckedOut } from './store.ts';

/** `fetchfleet-results-<host>-<process>-<random>`: whose copy it is. */
const NAME = /^fetchfleet-results-([0-9a-f]{8})-(\d+)-/;

export interface TemporaryCopy {
  readonly manifest: Manifest | undefined;
  readonly batch: string;
  /** Names the part that is written. */
  readonly source: string;
  /** Bytes to write, in order. */
  readonly content: AsyncIterable<Buffer | string>;
}

/**
 * Copies a batch into a results folder that nobody else can read. It is removed when it is
 * disposed, after an error, and when this process exits; that of a killed process by the next one
 * on this machine.
 *
 * @throws ResultsUnreadableError if the disk is full, for example
 */
export async function copyToTemporary(copy: TemporaryCopy): Promise<CheckedOut> {
  await removeAbandoned();
  const dir = await mkdtemp(join(tmpdir(), `fetchfleet-results-${host()}-${process.pid}-`));
  const removeNow = (): void => rmSync(dir, { recursive: true, force: true });
  process.once('exit', removeNow);
  const dispose = async (): Promise<void> => {
    await rm(dir, { recursive: true, force: true });
    process.off('exit', removeNow);
  };
  try {
    await fill(dir, copy);
    return { dir, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw explained(dir, error);
  }
}

async function fill(dir: string, { manifest, batch, source, content }: TemporaryCopy) {
  const folder = batchFolder(dir, batch);
  await mkdir(folder);
  if (manifest !== undefined) {
    await writeFile(manifestPath(folder), JSON.stringify(manifest));
  }
  const file = await open(partPath(folder, source, 1), 'wx', 0o600);
  try {
    for await (const piece of content) {
      await file.writeFile(piece);
    }
  } finally {
    await file.close();
  }
}

function host(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
}

/** A process id means something on its own machine only. */
async function removeAbandoned(): Promise<void> {
  const names = await readdir(tmpdir()).catch(() => []);
  for (const name of names) {
    const [, owner, pid] = NAME.exec(name) ?? [];
    if (owner === host() && pid !== undefined && !isRunning(Number(pid))) {
      // That of another user stays.
      await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) !== 'ESRCH';
  }
}

function explained(dir: string, error: unknown): unknown {
  const code = systemErrorCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') {
    return error;
  }
  return new ResultsUnreadableError(
    `cannot copy the batch to ${dir}: the disk is full (${code}); TMPDIR names another folder`,
    { cause: error },
  );
}
