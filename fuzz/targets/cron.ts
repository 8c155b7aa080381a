import { nextTick, problemOfCron, problemOfTimeZone } from '@fetchfleet/fleet';
import * as fc from 'fast-check';
import { latestTick } from '../../packages/fleet/src/schedule/cron.ts';
import { textNear } from '../mutations.ts';
import { holds, type Target } from '../target.ts';

const PATTERNS = [
  '0 6 * * 1-5',
  '*/15 * * * *',
  '30 0 29 2 *',
  '0 0 12 ? * MON#2',
  '5,10-20/3 4 L * 7',
  '0 0 1 JAN,dec *',
  '@daily',
  '* * * * * *',
];
const PIECES = ['*', '?', 'L', '#', '/0', '/1', '-', ',', '60', '31', '2', 'MON', '@hourly', ' '];
const ZONES = ['UTC', 'Europe/Oslo', 'America/New_York', 'Australia/Lord_Howe', 'Etc/GMT+12'];
const YEAR_MS = 366 * 86_400_000;

interface Input {
  readonly cron: string;
  readonly tz: string;
  readonly at: number;
  readonly span: number;
}

export const cronTarget: Target = {
  name: 'cron',
  title: 'cron patterns and time zones: ticks that come later, or a problem',
  cpuMs: 2_000,
  open: async () => ({
    arbitrary: fc.record<Input>({
      cron: textNear(PATTERNS, PIECES),
      tz: fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom(...ZONES) },
        { weight: 1, arbitrary: textNear(ZONES) },
      ),
      at: fc.integer({ min: 0, max: 4_102_444_800_000 }),
      span: fc.oneof(fc.nat(3_600_000), fc.nat(100 * 86_400_000), fc.nat(YEAR_MS * 10)),
    }),
    check,
  }),
};

function check({ cron, tz, at, span }: Input): void {
  const problems = [problemOfCron(cron), problemOfTimeZone(tz)];
  if (problems.some((problem) => problem !== undefined)) {
    holds(!problems.includes(''), 'a problem has a text', { cron, tz });
    return;
  }
  const first = nextTick({ cron, tz }, at);
  holds(first === undefined || first > at, 'the next tick is later', { cron, tz, at, first });
  const untilMs = at + span;
  const latest = latestTick({ cron, tz }, { afterMs: at, untilMs });
  const isInSpan = first !== undefined && first <= untilMs;
  holds((latest !== undefined) === isInSpan, 'a tick in a span is found', { first, latest });
  if (latest !== undefined) {
    const { at: found, before, count } = latest;
    holds(found > at && found <= untilMs, 'the latest tick is in the span', latest);
    holds(before === undefined || before < found, 'the tick before it is earlier', latest);
    holds(count >= 1 && count <= 1_000, 'ticks are counted up to 1,000', latest);
  }
}
