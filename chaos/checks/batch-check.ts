import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { World } from '../fleet/world.ts';
import { nowEpochMs } from '../model/timeline.ts';
import { type CheckedRecord, recordProblems } from './record-check.ts';

const INVARIANT = 'N in = N out';
/** The crawl of the schedule. */
const SCHEDULED = 'ticking';

interface Verified {
  readonly state: string;
  readonly total: number;
  readonly settled: number;
  readonly records: number;
  readonly missing: number;
  readonly foreign: number;
}

/**
 * Checks that the records of a batch that has ended are what its crawl file says.
 *
 * @returns false if they could not be read
 */
export async function checkBatch(world: World, id: string): Promise<boolean> {
  const { trace, timeline, batches, disk } = world;
  const started = batches.startedBy(id);
  if (started === undefined || !disk.isThere) {
    return false;
  }
  const verified = await verify(world, id);
  if (verified === undefined) {
    return false;
  }
  const { crawl, startedAtMs } = started;
  const records = await exported(world, id);
  // Workers remove old batches of the schedule at any time.
  if (crawl.name === SCHEDULED && !(await world.knownIds(crawl.name)).includes(id)) {
    return false;
  }
  const isCancelled = verified.state === 'cancelled';
  const isWhole =
    verified.missing === 0 &&
    verified.foreign === 0 &&
    (isCancelled || (verified.settled === verified.total && verified.records === verified.total));
  if (!isWhole) {
    trace.breach(INVARIANT, `verify of ${id} says ${JSON.stringify(verified)}`);
  }
  const wasOriginFaulty = timeline
    .during(startedAtMs, nowEpochMs())
    .some(({ group }) => group === 'origin');
  const rules = { wasOriginFaulty, mayBeMissing: isCancelled };
  for (const problem of recordProblems(records, crawl.expected, rules)) {
    trace.breach(INVARIANT, `${id}: ${problem}`);
  }
  return true;
}

async function verify(world: World, id: string): Promise<Verified | undefined> {
  const { stdout, stderr, code } = await world.command(
    'verify',
    id,
    '--json',
    '--results',
    world.disk.path,
  );
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the document of our command
    return JSON.parse(stdout) as Verified;
  } catch {
    // A batch of the schedule may be removed meanwhile, and Redis may be away.
    const isExcused = world.timeline.during(nowEpochMs() - 90_000, Infinity).length > 0;
    if (!isExcused && (await world.knownIds(id.slice(0, -5))).includes(id)) {
      world.trace.breach(INVARIANT, `verify of ${id} fails (${code}): ${stderr.slice(-300)}`);
    }
    return undefined;
  }
}

async function exported(world: World, id: string): Promise<readonly CheckedRecord[]> {
  const file = join(world.folder, `${id}.ndjson`);
  await world.command('export', id, '-o', file, '--quiet', '--results', world.disk.path);
  try {
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
    await rm(file);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the records of our command
    return lines.map((line) => JSON.parse(line) as CheckedRecord);
  } catch {
    return [];
  }
}
