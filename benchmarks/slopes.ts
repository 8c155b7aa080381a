/**
 * Measures what fetches, origins, batches and workers cost, and writes scale/slopes.json. The names
 * of slopes as arguments measure only these.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repositoryRoot, startProcess } from '@fetchfleet/testing';
import { BenchContext } from './context.ts';
import { describeCommit, describeMachine } from './machine.ts';
import { FAMILIES, type Ports } from './scale/slope-families.ts';
import { updatePage } from './scale/scale-page.ts';
import { type Family, type Per, readSlopes, writeSlopes } from './scale/slopes.ts';

const SCRATCH = join(repositoryRoot, 'node_modules/.cache/fetchfleet-slopes');
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- keys of a record of all of them
const KNOWN = Object.keys(FAMILIES) as Per[];

/** Starts the origins over HTTP and HTTPS. */
async function startOrigins(): Promise<{ ports: Ports; stop: () => Promise<void> }> {
  const server = fileURLToPath(new URL('./scale/case-origin.ts', import.meta.url));
  const both = await Promise.all(
    (['http', 'https'] as const).map(async (scheme) => {
      const running = await startProcess('node', [server, scheme]);
      const [, port = ''] = await running.waitForLine(/listening on (\d+)/);
      return { running, port };
    }),
  );
  return {
    ports: { http: both[0]?.port ?? '', https: both[1]?.port ?? '' },
    stop: async () => {
      await Promise.all(both.map(async ({ running }) => running.kill('SIGTERM')));
    },
  };
}

/** The families to measure: those that are named, or all. */
function chosenFamilies(names: readonly string[]): Per[] {
  const unknown = names.find((name) => !KNOWN.some((per) => per === name));
  if (unknown !== undefined) {
    throw new Error(`there is no slope per "${unknown}"; allowed: ${KNOWN.join(', ')}`);
  }
  return KNOWN.filter((per) => names.length === 0 || names.includes(per));
}

async function measureAll(chosen: readonly Per[], context: BenchContext): Promise<Family[]> {
  const { ports, stop } = await startOrigins();
  try {
    const families: Family[] = [];
    for (const per of chosen) {
      families.push(await FAMILIES[per](context, ports));
      await context.endBenchmark();
    }
    return families;
  } finally {
    await stop();
  }
}

const chosen = chosenFamilies(process.argv.slice(2));
// Certificates of these origins are their own authority.
process.env['FETCHFLEET_ALLOW_INSECURE_TLS'] = 'true';
await rm(SCRATCH, { recursive: true, force: true });
await mkdir(SCRATCH, { recursive: true });
const options = { rounds: 1, isQuick: false, folder: SCRATCH, log: console.error };
const context = new BenchContext(options);
try {
  const measured = await measureAll(chosen, context);
  // Those that were not chosen stay as they are.
  const before = chosen.length === KNOWN.length ? [] : (await readSlopes()).families;
  const families = KNOWN.flatMap(
    (name) => [...measured, ...before].find(({ per }) => per === name) ?? [],
  );
  const takenAt = new Date().toISOString();
  await writeSlopes({ takenAt, commit: describeCommit(), machine: describeMachine(), families });
  await updatePage();
} finally {
  await context.stop();
  await rm(SCRATCH, { recursive: true, force: true });
}
