import { setTimeout as sleep } from 'node:timers/promises';
import type { PendingFetch } from '@fetchfleet/crawl';
import type { ActiveBatch } from '../batch/batches.ts';
import type { Robots, RobotsAnswer } from '../batch/robots.ts';
import type { Hop, Turn } from '../origin/gated-fetch.ts';
import { isGranted, turnAt, type TurnSchedulers } from '../origin/single-request.ts';
import type { Deferral } from '../origin/waiting-slice.ts';
import type { Recorder } from '../record/recorder.ts';
import {
  type FailureWithoutFetch,
  originUnavailable,
  patienceOver,
  robotsDenied,
} from './failures.ts';
import { patienceLeftMs, throttledSinceOf } from './patience.ts';

/** A fetch waits this long in the worker until another worker knows the robots.txt of a target. */
const MAX_ROBOTS_WAIT_MS = 4_000;

export interface HopTools {
  readonly schedulers: TurnSchedulers;
  readonly robots: Pick<Robots, 'ask'>;
  readonly recorder: Pick<Recorder, 'ready'>;
}

/** How a fetch has come to another URL, for messages. */
export interface HopWay {
  /** `robots.txt of … forbids the URL …` */
  readonly clause: (from: string) => string;
  /** `…; a redirect leads there` */
  readonly why: string;
}

export const BY_REDIRECT: HopWay = {
  clause: (from) => `to which ${from} redirected`,
  why: 'a redirect leads there',
};
export const BY_PAGE: HopWay = {
  clause: (from) => `of the next page of a fetch at ${from}`,
  why: 'the page before leads there',
};
/** It has not come from elsewhere, but its connection was ready too late for its start. */
export const BY_LATENESS: HopWay = {
  clause: (from) => `of a fetch at ${from}`,
  why: 'the connection was ready too late',
};

/** A fetch that has come to a redirect, or to a page at another origin. */
interface HoppingFetch {
  readonly batch: ActiveBatch;
  /** Id of its slice. */
  readonly slice: string;
  readonly fetch: PendingFetch;
  /** Aborted when its slice stops. */
  readonly signal: AbortSignal;
  readonly way: HopWay;
}

/** What becomes of a fetch that does not go on now. */
export interface HopEnds {
  /** It is tried again from its first URL, and has used no attempt. */
  readonly onLater: (fetch: PendingFetch) => void;
  /** It ends with this failure, and uses no attempt. */
  readonly onFailure: (failure: FailureWithoutFetch) => void;
  /** It ends as the request for the robots.txt of its target did, and uses an attempt. */
  readonly onLost: (result: Extract<RobotsAnswer, { readonly kind: 'lost' }>['result']) => void;
}

/**
 * Waits for the turn of a redirect's target, or of a page elsewhere: robots.txt of its origin must
 * allow it, then it takes a permit there like any other request. Where the turn is too far away the
 * fetch begins anew later instead of waiting in the worker: many locations are signed and valid for
 * a minute only, so they are not kept.
 */
export async function hopTurn(
  { schedulers, robots, recorder }: HopTools,
  { batch, slice, fetch, signal, way }: HoppingFetch,
  { target, from }: Hop,
  ends: HopEnds,
): Promise<Turn> {
  const { origin } = target;
  const { patienceMs } = batch.plan.politeness;
  const since = Date.now();

  const later = (dueInMs: number): Turn => {
    const dueAt = Date.now() + dueInMs;
    return dropped(() => ends.onLater({ ...fetch, dueAt, throttledSince: 0 }));
  };
  const denied = (
    { dueInMs, deniedForMs }: Pick<Deferral, 'dueInMs' | 'deniedForMs'>,
    failure: FailureWithoutFetch,
  ): Turn => {
    const wait = { deniedForMs, since };
    const leftMs = patienceLeftMs(fetch, wait, patienceMs);
    if (leftMs < 0) {
      return dropped(() => ends.onFailure(patienceOver(fetch, failure)));
    }
    const dueAt = Date.now() + Math.min(dueInMs, leftMs + 1);
    const throttledSince = throttledSinceOf(fetch, wait);
    return dropped(() => ends.onLater({ ...fetch, dueAt, throttledSince }));
  };

  let answer = await robots.ask(batch, origin);
  while (answer.kind === 'wait' && Date.now() - since + answer.dueInMs <= MAX_ROBOTS_WAIT_MS) {
    await sleep(answer.dueInMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) {
      return dropped(() => undefined);
    }
    answer = await robots.ask(batch, origin);
  }
  switch (answer.kind) {
    case 'wait':
      return later(answer.dueInMs);
    case 'unreachable': {
      const { isDown, reason } = answer;
      const failure = isDown ? originUnavailable(reason) : robotsDenied(reason);
      return denied({ dueInMs: answer.dueInMs, deniedForMs: answer.unreachableForMs }, failure);
    }
    case 'lost': {
      const { result } = answer;
      return dropped(() => ends.onLost(result));
    }
    case 'rules':
      break;
  }
  if (!answer.isAllowed(target.href)) {
    const message = `robots.txt of ${origin} forbids the URL ${way.clause(from)}`;
    return { kind: 'refused', reason: robotsDenied(message) };
  }

  await recorder.ready();
  const turn = await turnAt(schedulers, origin, {
    id: slice,
    limits: { batch: batch.id, politeness: batch.plan.politeness },
    // It has had its turn at this origin, and a slice that waits would only come in between.
    comesFirst: origin === from,
    signal,
    hasPatienceFor: (deniedForMs) => patienceLeftMs(fetch, { deniedForMs, since }, patienceMs) >= 0,
  });
  if (turn === undefined) {
    return dropped(() => undefined);
  }
  if (isGranted(turn)) {
    return { kind: 'granted', grant: turn };
  }
  return turn.isRefused
    ? denied(turn, originUnavailable(`${origin} ${UNAVAILABLE_TARGET}; ${way.why}`))
    : later(turn.dueInMs);
}

const UNAVAILABLE_TARGET = 'went on failing or refusing for longer than politeness.patience';

function dropped(onDropped: () => void): Turn {
  return { kind: 'dropped', onDropped };
}
