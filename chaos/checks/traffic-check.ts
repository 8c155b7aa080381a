import type { World } from '../fleet/world.ts';
import type { Arrived } from '../origin/origin-messages.ts';
import { addressOf } from '../origin/origins.ts';
import { concurrencyExcess, rateExcesses } from './limit-check.ts';
import type { Observer } from './observer.ts';

/** Checks what the origins have seen since the last round. */
export function checkTraffic(world: World, observer: Observer): void {
  for (const host of world.limits.hosts) {
    const address = addressOf(host);
    const arrivals = observer.arrivals.filter(([, , to]) => to === address);
    checkLimits(world, observer, { host, arrivals });
    checkRests(world, { host, arrivals });
  }
  checkRecovery(world, observer);
}

interface AtHost {
  readonly host: string;
  readonly arrivals: readonly Arrived[];
}

function checkLimits(world: World, observer: Observer, { host, arrivals }: AtHost): void {
  const spans = world.limits.spansOf(host);
  const times = arrivals.map(([, at]) => at);
  for (const { at, windowMs, count, allowed } of rateExcesses(times, spans, observer.lateness)) {
    world.trace.breach(
      'no origin above its limit',
      `${count} requests at ${host} in ${windowMs} ms, ${allowed} allowed, at ${when(world, at)}`,
    );
  }
  const excess = concurrencyExcess(arrivals, observer.ends, spans);
  if (excess !== undefined) {
    world.trace.breach(
      'no origin above its limit',
      `${excess.count} in flight at ${host}, ${excess.allowed} allowed, at ${when(world, excess.at)}`,
    );
  }
}

/** A block reaches all workers within a second or so: starts that were promised end with it. */
const KNOWN_MS = 2_000;
const EARLY_MS = 500;

/** After `Retry-After`, nothing starts until then (docs/politeness.md). */
function checkRests({ timeline, trace }: World, { host, arrivals }: AtHost): void {
  for (const [, at, , , blockMs] of arrivals) {
    const [from, to] = [at + KNOWN_MS, at + blockMs - EARLY_MS];
    // Whoever saw the answer may die, or be without Redis, before it tells the others.
    const others = timeline.during(at - 1_000, to).filter(({ group }) => group !== 'origin');
    const early = arrivals.find(([, time]) => time > from && time < to);
    if (blockMs > 0 && others.length === 0 && early !== undefined) {
      const late = Math.round(early[1] - at);
      trace.breach(
        'Retry-After is obeyed',
        `${host} asked for ${blockMs} ms, and got a request after ${late} ms`,
      );
      return;
    }
  }
}

/** A killed worker's fetches run again within 15 s (docs/operations.md). */
const RECOVERY_MS = 15_000;
/** How soon they run is up to the limits of their origins, where they come first. */
const TURN_MS = 2_000;
/** How long after a kill the origins see that its connections are closed. */
const CUT_MS = 1_500;
/** What delays no fetch that was in flight. */
const HARMLESS = ['worker-kill', 'retry', 'prune', 'schedule-now', 'redis-forgets-scripts'];

function checkRecovery(world: World, observer: Observer): void {
  const { trace, timeline } = world;
  for (const { at, worker } of world.kills) {
    const deadline = at + RECOVERY_MS + TURN_MS + observer.lateness(at, at + RECOVERY_MS);
    // An origin that was faulty may be blocked for some time more.
    const others = timeline
      .during(at - 2 * RECOVERY_MS, deadline)
      .filter(({ group, to }) => group === 'origin' || to > at - RECOVERY_MS / 3)
      .filter(({ fault, group }) => !HARMLESS.includes(fault) && group !== 'producer');
    if (others.length > 0) {
      continue;
    }
    const cut = observer.arrivals.filter(([id, , , url]) => {
      const [, endedAt = 0, isAnswered = true] = observer.ends.get(id) ?? [];
      // What hangs is given up by workers that live, too, and perhaps for good.
      const wasCut = !isAnswered && !url.startsWith('/hang/');
      return wasCut && endedAt >= at && endedAt <= at + CUT_MS;
    });
    for (const [id, , address, url] of cut) {
      const again = observer.arrivals.find(
        ([other, , to, what]) => other > id && to === address && what === url,
      );
      if (again === undefined || again[1] > deadline) {
        const late = again === undefined ? 'never' : `after ${Math.round(again[1] - at)} ms`;
        trace.breach(
          'recovery',
          `${url} of ${worker}, killed at ${when(world, at)}, ran again ${late}`,
        );
        break;
      }
    }
    trace.note(`recovery of ${cut.length} fetches of ${worker} was checked`);
  }
}

function when({ trace }: World, at: number): string {
  const startedAt = performance.timeOrigin + performance.now() - trace.nowMs;
  return `${((at - startedAt) / 1000).toFixed(1)} s`;
}
