import { describe, expect, it } from '@jest/globals';
import {
  type CronTime,
  latestTick,
  nextTick,
  problemOfCron,
  problemOfTimeZone,
} from '../../src/schedule/cron.ts';
import { dueTick } from '../../src/schedule/due-tick.ts';
import { spec } from './fixture.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

const oslo = (cron: string): CronTime => ({ cron, tz: 'Europe/Oslo' });

function ticks(time: CronTime, from: string, count: number): string[] {
  return firstTicks(time, Date.parse(from), count).map((at) =>
    new Date(at).toISOString().slice(0, 16),
  );
}

function firstTicks(time: CronTime, from: number, count: number): number[] {
  const found: number[] = [];
  while (found.length < count) {
    found.push(nextTick(time, found.at(-1) ?? from) ?? Number.NaN);
  }
  return found;
}

/** All changes of clocks in two years: when, and the offsets before and after it in ms. */
function changesOf(tz: string) {
  const clock = clockOf(tz);
  const offset = (at: number): number => Date.parse(`${clock.format(at).replace(' ', 'T')}Z`) - at;
  const found: { tz: string; at: number; before: number; after: number }[] = [];
  const end = Date.parse('2029-01-01T00:00Z');
  for (let from = Date.parse('2027-01-01T00:00Z'); from < end; from += 14 * DAY_MS) {
    const [before, after] = [offset(from), offset(from + 14 * DAY_MS)];
    if (before === after) {
      continue;
    }
    let [low, high] = [from, from + 14 * DAY_MS];
    while (high - low > MINUTE_MS) {
      const middle = Math.floor((low + high) / 2 / MINUTE_MS) * MINUTE_MS;
      [low, high] = offset(middle) === before ? [middle, high] : [low, middle];
    }
    found.push({ tz, at: high, before, after });
  }
  return found;
}

/** Of Sweden, which writes dates as ISO 8601 does. */
function clockOf(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
}

function dateIn(tz: string, at: number): string {
  return clockOf(tz).format(at).slice(0, 10);
}

/**
 * The clocks of Oslo go forward on 2027-03-28 at 02:00 (01:00 UTC), and back on 2026-10-25 at 03:00
 * (01:00 UTC).
 */
const CHANGES: [what: string, cron: string, from: string, expected: string[]][] = [
  [
    'a time that is skipped comes an hour later, once',
    '30 2 * * *',
    '2027-03-27T00:00Z',
    ['2027-03-27T01:30', '2027-03-28T01:30', '2027-03-29T00:30'],
  ],
  [
    'a time that comes twice counts the first time',
    '30 2 * * *',
    '2026-10-24T00:00Z',
    ['2026-10-24T00:30', '2026-10-25T00:30', '2026-10-26T01:30'],
  ],
  [
    'the time after the change is what clocks show, forward',
    '0 6 * * *',
    '2027-03-27T00:00Z',
    ['2027-03-27T05:00', '2027-03-28T04:00', '2027-03-29T04:00'],
  ],
  [
    'the time after the change is what clocks show, back',
    '0 6 * * *',
    '2026-10-24T00:00Z',
    ['2026-10-24T04:00', '2026-10-25T05:00', '2026-10-26T05:00'],
  ],
  [
    'times of the skipped hour come among those of the next one',
    '0,30 2,3 * * *',
    '2027-03-28T00:00Z',
    ['2027-03-28T01:00', '2027-03-28T01:30', '2027-03-29T00:00'],
  ],
  [
    'half hours go on in real time, forward',
    '*/30 * * * *',
    '2027-03-28T00:20Z',
    ['2027-03-28T00:30', '2027-03-28T01:00', '2027-03-28T01:30', '2027-03-28T02:00'],
  ],
  [
    'half hours go on in real time, back',
    '*/30 * * * *',
    '2026-10-25T00:20Z',
    ['2026-10-25T00:30', '2026-10-25T01:00', '2026-10-25T01:30', '2026-10-25T02:00'],
  ],
];

describe('a change of clocks', () => {
  it.each(CHANGES)('follows the rule: %s', (_what, cron, from, expected) => {
    expect(ticks(oslo(cron), from, expected.length)).toEqual(expected);
  });

  it.each(CHANGES)(
    'gives the same ticks when they are caught up: %s',
    (_what, cron, from, expected) => {
      const start = Date.parse(from);
      expected.forEach((tick, at) => {
        const tickMs = Date.parse(`${tick}Z`);
        // Up to this tick: from the start, and from the tick before it.
        expect(latestTick(oslo(cron), { afterMs: start, untilMs: tickMs + 1_000 })).toMatchObject({
          at: tickMs,
          count: at + 1,
        });
        const before = at === 0 ? start : Date.parse(`${expected[at - 1] ?? ''}Z`);
        expect(latestTick(oslo(cron), { afterMs: before, untilMs: tickMs })).toMatchObject({
          at: tickMs,
          count: 1,
        });
      });
    },
  );

  it('gives the same ticks from every minute of both nights', () => {
    for (const [night, skippedOrDoubled] of [
      ['2027-03-28T00:00Z', '2027-03-28T01:30Z'],
      ['2026-10-25T00:00Z', '2026-10-25T00:30Z'],
    ] as const) {
      const tick = Date.parse(skippedOrDoubled);
      for (let minute = 0; minute < 180; minute += 7) {
        const from = Date.parse(night) + minute * 60_000;
        const next = nextTick(oslo('30 2 * * *'), from) ?? 0;
        expect(next === tick).toBe(from < tick);
        expect(next).toBeGreaterThan(from);
      }
    }
  });

  it('costs no day its tick in any time zone, whenever and by whatever clocks change', () => {
    const found = Intl.supportedValuesOf('timeZone').flatMap((tz) => changesOf(tz));
    expect(found.length).toBeGreaterThan(200);
    for (const { tz, at, before, after } of found) {
      // In the middle of what is skipped or comes twice.
      const shown = Math.floor((at + (before + after) / 2) / MINUTE_MS) * MINUTE_MS;
      const [, hour = '', minute = ''] = /T(\d+):(\d+)/u.exec(new Date(shown).toISOString()) ?? [];
      const once = { tz, cron: `${minute} ${hour} * * *` };
      const expected = [shown - DAY_MS - before, shown - before, shown + DAY_MS - after];
      const from = at - 2 * DAY_MS + HOUR_MS * 12;
      expect([once, firstTicks(once, from, 3)]).toEqual([once, expected]);
      expect([once, nextTick(once, Math.min(at, shown - before - 1))]).toEqual([once, expected[1]]);
      const days = firstTicks({ tz, cron: '@daily' }, from, 4).map((tick) => dateIn(tz, tick));
      const dates = days.map((_, day) => dateIn('UTC', Date.parse(`${days[0]}Z`) + day * DAY_MS));
      expect([tz, days]).toEqual([tz, dates]);
    }
  });

  it('runs a schedule once at a skipped and once at a doubled time', () => {
    for (const [from, expected] of [
      ['2027-03-27T12:00Z', '2027-03-28T01:30'],
      ['2026-10-24T12:00Z', '2026-10-25T00:30'],
    ] as const) {
      let lastTick = Date.parse(from);
      const runs: string[] = [];
      for (let now = lastTick; now < Date.parse(from) + 24 * 3_600_000; now += 5 * 60_000) {
        const due = dueTick({ terms: { ...spec, ...oslo('30 2 * * *') }, lastTick }, now);
        if (due === undefined) {
          continue;
        }
        lastTick = due.at;
        runs.push(new Date(due.at).toISOString().slice(0, 16));
      }
      expect(runs).toEqual([expected]);
    }
  });
});

describe('the latest tick', () => {
  it('is found however many ticks there were, and however long ago', () => {
    const now = Date.parse('2026-11-23T12:00:30Z');
    const year = { afterMs: now - 365 * 86_400_000, untilMs: now };
    for (const [cron, at] of [
      ['* * * * * *', '2026-11-23T12:00:30.000Z'],
      ['* * * * *', '2026-11-23T12:00:00.000Z'],
      ['*/10 * * * *', '2026-11-23T12:00:00.000Z'],
      ['0 6 * * *', '2026-11-23T05:00:00.000Z'],
    ] as const) {
      const found = latestTick(oslo(cron), year);
      expect(new Date(found?.at ?? 0).toISOString()).toBe(at);
    }
    expect(latestTick(oslo('0 6 29 2 *'), year)).toBeUndefined();
  });

  it('runs if it is on time or within the catch-up window, and is missed otherwise', () => {
    const tick = Date.parse('2026-11-23T05:00Z');
    const daily = (catchUpMs: number) => ({
      terms: { ...spec, ...oslo('0 6 * * *'), catchUpMs },
      lastTick: tick - 3 * 86_400_000,
    });
    const minutes = (count: number): number => tick + count * 60_000;
    expect(dueTick(daily(0), minutes(1))).toMatchObject({ at: tick, verdict: 'run', older: 2 });
    expect(dueTick(daily(0), minutes(2))).toMatchObject({ verdict: 'missed' });
    expect(dueTick(daily(3_600_000), minutes(60))).toMatchObject({
      verdict: 'run',
      isCaughtUp: true,
      olderAt: tick - 86_400_000,
    });
    expect(dueTick(daily(3_600_000), minutes(61))).toMatchObject({ verdict: 'missed' });
    expect(dueTick({ ...daily(0), lastTick: tick }, minutes(1))).toBeUndefined();
  });
});

describe('a pattern', () => {
  it.each(['0 6 * * *', '*/5 * * * * *', '@daily', '0 6 * * MON-FRI', '0 0 L * *', '0 0 29 2 *'])(
    'is taken: %s',
    (cron) => expect(problemOfCron(cron)).toBeUndefined(),
  );

  it.each([
    ['', /no cron pattern.*five fields/u],
    ['* * * *', /five fields/u],
    ['every day', /five fields/u],
    ['H 6 * * *', /no cron pattern/u],
    ['61 * * * *', /0-59/u],
    ['0 0 30 2 *', /never comes/u],
    ['0 0 31 4,6 *', /never comes/u],
    ['@reboot', /@daily/u],
  ])('is refused, with what is allowed: %j', (cron, message) => {
    expect(problemOfCron(cron)).toMatch(message);
  });

  it('has a time zone by its IANA name only', () => {
    expect(['UTC', 'Europe/Oslo'].map(problemOfTimeZone)).toEqual([undefined, undefined]);
    for (const tz of ['Europe/Olso', '+02:00', '', 'local', 'system']) {
      expect(problemOfTimeZone(tz)).toMatch(/no time zone; allowed: IANA names/u);
    }
  });
});
