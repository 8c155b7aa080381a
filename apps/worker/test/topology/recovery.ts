import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, type Origin, startProcess } from '@fetchfleet/testing';
import { expect } from '@jest/globals';
import type { Fleet } from '../fleet/fleet-fixture.ts';

/** From the moment when Redis can be written again. */
const RECOVERY_MS = 15_000;

/** Waits until workers fetch again, and judges how long that took. */
export async function expectRecovery(origin: Origin): Promise<void> {
  const before = origin.arrivals.length;
  const startedAt = performance.now();
  await eventually(() => origin.arrivals.length > before);
  expect(performance.now() - startedAt).toBeLessThan(RECOVERY_MS);
}

/** Enqueues a batch with the producer, in a folder that the caller gives. */
export async function startBatch(
  { name }: Fleet,
  {
    url,
    folder,
    crawl,
    flags = [],
  }: {
    readonly url: string;
    readonly folder: string;
    readonly crawl: string;
    /** @default none */
    readonly flags?: readonly string[];
  },
): Promise<string> {
  await writeFile(join(folder, 'crawl.yaml'), crawl);
  return runProducer(['start', 'crawl.yaml', ...flags], { url, name, cwd: folder });
}

/** Enqueues what a failover has lost: writes that the replica did not have yet. */
export async function resume({ name }: Fleet, url: string, batch: string): Promise<void> {
  await runProducer(['resume', batch], { url, name });
}

/** What the command prints; it has to succeed. */
export async function runProducer(
  args: readonly string[],
  { url, name, cwd }: { readonly url: string; readonly name: string; readonly cwd?: string },
): Promise<string> {
  const env = { REDIS_URL: url, FETCHFLEET_FLEET: name };
  const command = await startProcess('fetchfleet', args, { env, ...(cwd ? { cwd } : {}) });
  const { code } = await command.exit;
  expect(`${code} ${command.stderr}`).toMatch(/^0 /);
  return command.stdout.trim();
}
