import { readFile, rename, stat } from 'node:fs/promises';
import { installLeakGuard, temporaryFolder, type TemporaryFolder } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Part } from '../../src/sink/part.ts';

const LARGE = 'x'.repeat(8 * 1024 * 1024);

let folder: TemporaryFolder;
let part: Part;
beforeEach(async () => {
  folder = await temporaryFolder('part');
  part = await Part.create(folder.path, { worker: 'w', number: 1, compression: 'none' });
});
afterEach(async () => {
  await part.close();
  await folder.remove();
});
installLeakGuard();

describe('Part', () => {
  it('is durable up to what was written before the sync, and abandoned is no longer', async () => {
    await part.write([LARGE]);
    const synced = part.sync();
    await part.write(['not synced']);
    await synced;
    expect(part.length).toBe(LARGE.length + 1);
    expect(part.size).toBe(LARGE.length + 'not synced'.length + 2);
    await part.abandon();
    expect((await stat(part.path)).size).toBe(LARGE.length + 1);
  });

  it('is cut back when what is being written has ended', async () => {
    await part.write(['durable']);
    await part.sync();
    // Takes several writes.
    const writing = part.write(Array.from({ length: 40_000 }, () => 'x'.repeat(200)));
    await part.abandon();
    await Promise.allSettled([writing]);
    expect(await readFile(part.path, 'utf8')).toBe('durable\n');
  });

  it('has no successful sync behind one that failed', async () => {
    await part.write(['first']);
    await rename(part.path, `${part.path}.moved`);
    const failing = part.sync();
    const writing = part.write(['second']);
    await expect(failing).rejects.toThrow('ENOENT');
    await rename(`${part.path}.moved`, part.path);
    await writing;
    await expect(part.sync()).rejects.toThrow('ENOENT');
    expect(part.length).toBe(0);
  });
});
