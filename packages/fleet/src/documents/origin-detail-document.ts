import type {
  KnownRobots,
  LearnedRates,
  OriginDetail,
  OriginEvent,
} from '../origins/origin-detail.ts';
import { type OriginStatus, rateText } from '../origins/origin-status.ts';
import { originDocument, type OriginDocument } from './origin-document.ts';

/**
 * One origin as `origins ORIGIN --json` prints it. A field that does not apply is null: all keys
 * are always there.
 */
export interface OriginDetailDocument {
  readonly origin: OriginDocument;
  /** What has happened, the newest first. */
  readonly events: readonly OriginEventDocument[];
  readonly learnedRates: LearnedRates | null;
  readonly batches: readonly string[];
  readonly batchCount: number;
  readonly robots: {
    readonly state: KnownRobots['state'];
    readonly readAt: string | null;
    readonly crawlDelayMs: number | null;
    readonly reason: string | null;
    readonly tries: number | null;
    readonly againAt: string | null;
  };
}

export interface OriginEventDocument {
  readonly at: string;
  /** When it has happened again last; `at` where it has not. */
  readonly lastAt: string;
  readonly times: number;
  readonly event: OriginEvent['event'];
  /** As a phrase about the origin: `blocked: answered 429`. */
  readonly text: string;
  readonly until: string | null;
  readonly by: string | null;
}

export function originDetailDocument(
  status: OriginStatus,
  { events, learnedRates, batches, batchCount, robots }: OriginDetail,
): OriginDetailDocument {
  return {
    origin: originDocument(status),
    events: events.map(eventDocument),
    learnedRates: learnedRates ?? null,
    batches,
    batchCount,
    robots: {
      state: robots.state,
      readAt: instantOf(robots.readAt),
      crawlDelayMs: robots.crawlDelayMs ?? null,
      reason: robots.reason ?? null,
      tries: robots.tries ?? null,
      againAt: instantOf(robots.againAt),
    },
  };
}

function eventDocument(event: OriginEvent): OriginEventDocument {
  return {
    at: new Date(event.at).toISOString(),
    lastAt: new Date(event.lastAt).toISOString(),
    times: event.times,
    event: event.event,
    text: PHRASES[event.event](event.text),
    until: instantOf(event.until),
    by: event.by ?? null,
  };
}

/** What is said of an event, given its text. */
const PHRASES: Readonly<Record<OriginEvent['event'], (text: string) => string>> = {
  blocked: (why) => `blocked${behindColon(why)}`,
  opened: (why) => `down${behindColon(why)}`,
  'half-open': () => 'one fetch tries it',
  closed: () => 'answers again',
  slowed: (rate) =>
    Number(rate) > 0
      ? `slowed down to ${rateText(1e6 / Number(rate))}: it refused more`
      : 'slowed down',
  narrowed: (fetches) => `slow: at most ${fetches} in flight`,
  set: (limits) => `limits set${behindColon(limits)}`,
  unset: () => 'limits unset',
  forgotten: () => 'what was learned is forgotten',
  tried: (ended) =>
    `tried now, before the end of its ${ended.split(', ').map(endedText).join(' and its ')}`,
};

function behindColon(text: string): string {
  return text === '' ? '' : `: ${text}`;
}

function endedText(ended: string): string {
  return ended === 'breaker' ? 'wait for a probe' : ended === 'block' ? ended : `wait for ${ended}`;
}

function instantOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
