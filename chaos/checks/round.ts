import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchStatus } from '@fetchfleet/fleet';
import type { World } from '../fleet/world.ts';
import { checkBatch } from './batch-check.ts';
import type { Growth } from './growth-check.ts';
import type { Observer } from './observer.ts';
import { checkWorkers } from './process-check.ts';
import { checkSchedule } from './schedule-check.ts';
import { checkTraffic } from './traffic-check.ts';

const POLL_MS = 1_000;
/** Without any progress for so long, a batch will not end. */
const STUCK_MS = 60_000;
const SAY_MS = 10_000;
/** Checks at once: each is two processes. */
const CHECKS_AT_ONCE = 3;

/** All faults are over: whatever was acknowledged has to end now, and to be whole. */
export async function checkRound(
  world: World,
  { observer, growth }: { readonly observer: Observer; readonly growth: Growth },
): Promise<void> {
  world.trace.say('no faults: waiting for all batches to end');
  await calmDown(world);
  await untilAllEnded(world, observer);
  await observer.read();
  checkTraffic(world, observer);
  checkWorkers(world);
  const ids = (await world.statuses()).map(({ batch }) => batch);
  checkNames(world, ids);
  await inTurns(ids, async (id) => void (await checkBatch(world, id)));
  await checkSchedule(world);
  await pruneAll(world, ids);
  await growth.sample(world);
  observer.forget();
  world.kills = [];
  world.wasFailedOver = false;
  await world.command('schedule', 'resume', 'ticking');
  const { breaches } = world.trace;
  world.trace.say(
    `${world.batches.done} batches were checked and pruned; ${breaches.length} broken`,
  );
}

/** What people do after an incident. */
async function calmDown(world: World): Promise<void> {
  const { batches, timeline, limits, slots } = world;
  await Promise.all(slots.map(async (slot) => (slot.pid === undefined ? slot.start() : undefined)));
  await world.command('schedule', 'pause', 'ticking');
  for (const host of limits.unsure) {
    await world.unsetLimit(host);
  }
  for (const started of batches.open.filter(({ isAcknowledged }) => !isAcknowledged)) {
    await world.startAgain(started);
  }
  for (const { batch, state } of await world.statuses()) {
    batches.startedBy(batch)?.ids.add(batch);
    const isHalf = state === 'paused' || state === 'expanding';
    if (batches.wanted(batch) !== 'pruned' && (isHalf || (world.wasFailedOver && isOpen(state)))) {
      await world.command('resume', batch);
      batches.want(batch, 'running');
    }
  }
  const hosts = [...world.troubledHosts];
  const span = timeline.begin('origins try', 'command');
  await inTurns(hosts, async (host) => {
    const origin = world.originOf(host);
    await world.command('origins', 'try', origin);
    await world.command('origins', 'set', origin, '--forget');
  });
  timeline.end(span);
  world.troubledHosts.clear();
}

function isOpen(state: BatchStatus['state']): boolean {
  return state !== 'finished' && state !== 'cancelled';
}

async function untilAllEnded(world: World, observer: Observer): Promise<void> {
  let last = '';
  let changedAt = performance.now();
  let saidAt = performance.now();
  for (;;) {
    const open = (await world.statuses()).filter(({ state }) => isOpen(state));
    if (open.length === 0) {
      return;
    }
    const now = JSON.stringify([open.map(({ batch, settled }) => [batch, settled])]);
    const requests = observer.requests;
    changedAt = now === last ? changedAt : performance.now();
    last = now;
    if (performance.now() - saidAt > SAY_MS) {
      saidAt = performance.now();
      world.trace.say(
        open.map(({ batch, settled, total }) => `${batch}: ${settled}/${total}`).join(', '),
      );
    }
    if (performance.now() - changedAt > STUCK_MS) {
      for (const { batch, state, settled, total } of open) {
        world.trace.breach(
          'every acknowledged batch ends',
          `${batch} is ${state}, ${settled} of ${total} are settled (${requests} requests so far)`,
        );
        world.batches.want(batch, 'stuck');
      }
      return;
    }
    await sleep(POLL_MS);
  }
}

/** Every acknowledged batch is there, and none that nobody has started. */
function checkNames({ batches, trace }: World, ids: readonly string[]): void {
  for (const id of ids.filter((candidate) => batches.startedBy(candidate) === undefined)) {
    trace.breach('N in = N out', `nobody has started ${id}`);
  }
  for (const { crawl, isAcknowledged, ids: own } of batches.open) {
    const lost = [...own].filter((id) => batches.wanted(id) !== 'pruned' && !ids.includes(id));
    if (isAcknowledged && crawl.name !== 'ticking' && lost.length > 0) {
      trace.breach('every acknowledged batch ends', `${lost.join(', ')} is gone`);
    }
  }
}

/** Removes what has ended: nothing of it may stay. */
async function pruneAll(world: World, ids: readonly string[]): Promise<void> {
  const { batches, trace, disk, redis } = world;
  const started = batches.open.filter(({ crawl }) => crawl.name !== 'ticking');
  const own = started
    .flatMap((crawl) => [...crawl.ids])
    .filter((id) => ids.includes(id) && batches.wanted(id) !== 'stuck');
  if (own.length > 0) {
    const { code, stderr } = await world.prune(...own);
    if (code !== 0) {
      trace.breach('prune removes everything', `exit status ${code}: ${stderr.slice(-300)}`);
    }
  }
  const keys = await redis.ask(async (client) => client.keys('*'));
  for (const crawl of started) {
    const isStuck = [...crawl.ids].some((id) => batches.wanted(id) === 'stuck');
    for (const id of isStuck ? [] : crawl.ids) {
      const left = keys.filter((key) => key.includes(id));
      if (left.length > 0 || existsSync(join(disk.path, id))) {
        trace.breach(
          'prune removes everything',
          `of ${id} there is ${left.join(', ') || 'a folder'}`,
        );
      }
    }
    if (!isStuck) {
      batches.forget(crawl);
    }
  }
}

async function inTurns<T>(values: readonly T[], work: (value: T) => Promise<void>): Promise<void> {
  const left = [...values];
  const turn = async (): Promise<void> => {
    for (let value = left.shift(); value !== undefined; value = left.shift()) {
      await work(value);
    }
  };
  await Promise.all(Array.from({ length: CHECKS_AT_ONCE }, turn));
}
