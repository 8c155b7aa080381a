import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeResources, openResources } from '@fetchfleet/testing';
import { Growth } from './checks/growth-check.ts';
import { Observer } from './checks/observer.ts';
import { checkRound } from './checks/round.ts';
import { hasOwnMounts, mount } from './fleet/namespace.ts';
import { NameServer } from './fleet/name-server.ts';
import { RedisPair } from './fleet/redis-pair.ts';
import { ResultsDisk } from './fleet/results-disk.ts';
import { WorkerSlot } from './fleet/worker-slot.ts';
import { World } from './fleet/world.ts';
import { scheduledCrawl } from './model/crawls.ts';
import { nowEpochMs } from './model/timeline.ts';
import { FAULTS } from './nemesis/catalogue.ts';
import { type Tally, torment } from './nemesis/nemesis.ts';
import { makePlan } from './nemesis/plan.ts';
import type { Options } from './options.ts';
import { NAMES, Origins } from './origin/origins.ts';
import type { Outcome } from './report.ts';
import { Trace } from './trace.ts';

const CLOCK_LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(
  (machine) => `/usr/lib/${machine}/faketime/libfaketimeMT.so.1`,
);
/** Runs of at least so many minutes are checked after each third, others at the end. */
const LONG_MINUTES = 3;
const PROGRESS_MS = 10_000;
/** Between two batches; and how many may be unfinished before the next one waits. */
const BATCH_MS = 3_000;
const MAX_OPEN = 12;

/** Runs a fleet with faults for some minutes, and checks it. */
export async function runChaos(
  options: Options,
  {
    print,
    interrupted,
  }: { readonly print: (line: string) => void; readonly interrupted: AbortSignal },
): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), `fetchfleet-chaos-${options.seed}-`));
  const trace = new Trace(folder, print);
  trace.say(`seed ${options.seed}, ${options.minutes} minutes, ${folder}`);
  const tally: Tally = new Map();
  const world = await createWorld({ options, trace, folder, interrupted });
  const observer = new Observer(world);
  const wished = FAULTS.filter(({ name, weight }) =>
    options.faults.length === 0 ? weight > 0 : options.faults.includes(name),
  );
  const leftOut = new Map(
    wished.flatMap(({ name, impossible }) => {
      const reason = impossible?.(world);
      return reason === undefined ? [] : [[name, reason] as const];
    }),
  );
  try {
    await begin(world, observer);
    const faults = wished.filter(({ name }) => !leftOut.has(name));
    await rounds(world, { observer, tally, faults });
  } finally {
    await observer.stop();
    await end(world);
  }
  const isKept = options.isKept || trace.breaches.length > 0;
  if (isKept && hasOwnMounts()) {
    // The disk in memory ends with this process.
    await cp(world.disk.path, join(folder, 'results'), { recursive: true });
  }
  await trace.close();
  await (isKept ? undefined : remove(folder));
  return {
    seed: options.seed,
    faults: wished,
    leftOut,
    tally,
    breaches: trace.breaches,
    wasInterrupted: interrupted.aborted,
    batches: world.batches.done,
    requests: observer.requests,
    folder: isKept ? folder : undefined,
  };
}

async function createWorld({
  options,
  trace,
  folder,
  interrupted,
}: Pick<World, 'options' | 'trace' | 'folder' | 'interrupted'>): Promise<World> {
  const [origins, redis, disk, names] = await Promise.all([
    Origins.start(),
    RedisPair.start(folder),
    ResultsDisk.create(folder),
    NameServer.start(NAMES),
  ]);
  if (hasOwnMounts()) {
    const resolver = join(folder, 'resolv.conf');
    await writeFile(resolver, `nameserver 127.0.0.1:${names.port}\n`);
    await mount('--bind', resolver, '/etc/resolv.conf');
  }
  const library = CLOCK_LIBRARIES.find((path) => existsSync(path));
  const clock = library === undefined ? undefined : { library, file: join(folder, 'clock') };
  await (clock && writeFile(clock.file, '+0'));
  const slots = Array.from(
    { length: options.workers },
    (_, at) =>
      new WorkerSlot({
        name: `w${at + 1}`,
        folder,
        redisUrl: redis.link.url,
        results: disk.path,
        release: options.previous,
        trace,
        clock: at === options.workers - 1 ? clock : undefined,
        transport: at % 2 === 0 ? 'undici' : 'got',
      }),
  );
  return new World({
    options,
    trace,
    folder,
    origins,
    redis,
    disk,
    names,
    slots,
    clock,
    interrupted,
  });
}

/** Workers, a schedule, and one batch before anything breaks: what is measured then is normal. */
async function begin(world: World, observer: Observer): Promise<void> {
  await Promise.all(world.slots.map(async (slot) => slot.start()));
  observer.start();
  const crawl = scheduledCrawl(world.origins.port);
  world.batches.begin(crawl, nowEpochMs()).isAcknowledged = true;
  await writeFile(join(world.folder, 'ticking.yaml'), crawl.text);
  const added = await world.addSchedule();
  if (added.code !== 0) {
    throw new Error(`the schedule cannot be added: ${added.stderr}`);
  }
}

interface Rounds {
  readonly observer: Observer;
  readonly tally: Tally;
  readonly faults: typeof FAULTS;
}

async function rounds(world: World, { observer, tally, faults }: Rounds): Promise<void> {
  const { options, trace, interrupted } = world;
  const count = options.minutes < LONG_MINUTES ? 1 : 3;
  const growth = new Growth();
  const plan = makePlan(options.seed, faults);
  for (let round = 0; round < count; round += 1) {
    // The start counts, the checks do not.
    const untilMs = (round === 0 ? 0 : trace.nowMs) + (options.minutes * 60_000) / count;
    const lanes = new AbortController();
    const others = Promise.all([
      startBatches(world, lanes.signal),
      showProgress(world, observer, lanes.signal),
    ]);
    await torment(world, plan, { untilMs, tally });
    lanes.abort();
    await others;
    if (interrupted.aborted) {
      trace.say('interrupted: this round is not checked');
      return;
    }
    await checkRound(world, { observer, growth });
  }
  for (const problem of growth.problems) {
    trace.breach('memory, descriptors and keys stay flat', problem);
  }
}

/** New batches all the time, unless too many are unfinished. */
async function startBatches(world: World, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (world.batches.open.length - (await world.finishedIds()).length < MAX_OPEN) {
      const { started, running } = await world.beginBatch();
      await world.endBatch(started, running);
    }
    await sleep(BATCH_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function showProgress(world: World, observer: Observer, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(PROGRESS_MS, undefined, { signal }).catch(() => undefined);
    const { open, done, fetches } = world.batches;
    world.trace.say(
      `${open.length + done} batches with ${fetches} fetches, ${observer.requests} requests`,
    );
  }
}

async function end(world: World): Promise<void> {
  await Promise.all(
    world.slots.map(async (slot) => {
      slot.signal('SIGCONT');
      if ((await slot.stop()) === undefined) {
        world.trace.breach('stops in time', `${slot.name} did not end after SIGTERM`);
      }
    }),
  );
  await world.redis.stop();
  await world.origins.stop();
  await world.names.stop();
  await closeResources(openResources());
}

/** Disks in memory are still mounted there; they end with this process. */
async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(async () =>
    mkdir(folder, { recursive: true }),
  );
}
