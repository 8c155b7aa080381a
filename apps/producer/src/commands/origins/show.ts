import {
  type OriginDetailDocument,
  originDetailDocument,
  type OriginEventDocument,
  type OriginStatus,
} from '@fetchfleet/fleet';
import type { Context } from '../../core/context.ts';
import { CommandError, EXIT, type ExitCode, Problems } from '../../core/errors.ts';
import { withTimeout } from '../../core/timeouts.ts';
import { outputWidth, textTable } from '../../report/text-table.ts';
import { formatCount, formatDuration, formatRate } from '../../report/units.ts';
import { withFleet } from '../../session/fleet-session.ts';
import { describeLimits } from './describe-limits.ts';
import type { OriginsOptions } from './origins.ts';
import { readOrigin } from './settings.ts';
import { suggestion } from './suggestion.ts';
import { stateOf } from './table.ts';

/** Batches that are named. */
const MAX_BATCHES = 5;

/** `fetchfleet origins ORIGIN`: what the fleet knows of one origin, and what has happened there. */
export async function showOrigin(
  text: string,
  options: OriginsOptions,
  context: Context,
): Promise<ExitCode> {
  const problems = new Problems();
  const origin = readOrigin(text, problems) ?? text;
  if (options.watch === true) {
    problems.add('--watch shows all origins: leave the origin out');
  }
  problems.throwIfAny('nothing to show');
  const { terminal } = context;
  return withFleet(context, 'find', async (session) => {
    const { origins } = session;
    const [status, detail] = await withTimeout(
      Promise.all([origins.status(origin), origins.detail(origin)]),
    );
    if (status === undefined) {
      const hint = suggestion(origin, await withTimeout(origins.list()));
      throw new CommandError(
        `nothing is known of ${origin}: no worker has asked for it lately, and no limit is set${hint}`,
        { code: 'ORIGIN_UNKNOWN' },
      );
    }
    const document = originDetailDocument(status, detail);
    if (options.json === true) {
      terminal.printJson(document);
      return EXIT.ok;
    }
    const nowMs = await session.now();
    terminal.print(...factLines(status, document, nowMs));
    if (document.events.length > 0) {
      terminal.print('', ...historyTable(document.events, nowMs, outputWidth(terminal)));
    }
    return EXIT.ok;
  });
}

function factLines(
  status: OriginStatus,
  { batches, batchCount, robots }: OriginDetailDocument,
  nowMs: number,
): string[] {
  const named = batches.slice(0, MAX_BATCHES);
  const more = batchCount - named.length;
  const { learnedRate, durationMs, waiting, inUse } = status;
  const facts: [string, string][] = [
    ['origin', status.origin],
    ['state', stateOf(status)],
    ['limits', describeLimits(status)],
    ...(learnedRate === undefined
      ? []
      : [['learned', formatRate(learnedRate)] satisfies [string, string]]),
    ['in flight', formatCount(inUse)],
    ['waiting', formatCount(waiting)],
    ...(durationMs === undefined
      ? []
      : [['takes', formatDuration(durationMs)] satisfies [string, string]]),
    ['robots.txt', robotsText(robots, nowMs)],
    [
      'batches',
      batchCount === 0
        ? 'none has asked within a minute'
        : `${named.join(', ')}${more > 0 ? ` and ${formatCount(more)} more` : ''}`,
    ],
  ];
  return facts.map(([name, value]) => `${name.padEnd(12)}${value}`);
}

function robotsText(
  { state, readAt, crawlDelayMs, reason, tries, againAt }: OriginDetailDocument['robots'],
  nowMs: number,
): string {
  const ago =
    readAt === null ? '' : `, read ${formatDuration(Math.max(0, nowMs - Date.parse(readAt)))} ago`;
  const delay =
    crawlDelayMs === null ? '' : `; asks for ${formatDuration(crawlDelayMs)} between two fetches`;
  if (state === 'unreachable') {
    const often = tries === null || tries < 2 ? '' : ` (${formatCount(tries)} times)`;
    const next = againAt === null ? 'now' : `at ${clockOf(againAt, nowMs)}`;
    return `cannot be had${often}: ${reason ?? 'unknown'}; is asked for again ${next}`;
  }
  if (state === 'none') {
    return `there is none, so everything is allowed${ago}`;
  }
  return state === 'rules' ? `known${ago}${delay}` : 'not read';
}

function historyTable(
  events: readonly OriginEventDocument[],
  nowMs: number,
  width: number,
): string[] {
  return textTable(
    [{ title: 'when' }, { title: 'what' }, { title: 'by', isOptional: true }],
    events.map((event) => [clockOf(event.at, nowMs), happened(event, nowMs), event.by ?? '']),
    width,
  );
}

/** `blocked: answered 429; until 12:00:05Z; 3 times, last 12:00:00Z` */
function happened({ text, until, times, lastAt }: OriginEventDocument, nowMs: number): string {
  return [
    text,
    ...(until === null ? [] : [`until ${clockOf(until, nowMs)}`]),
    ...(times === 1 ? [] : [`${formatCount(times)} times, last ${clockOf(lastAt, nowMs)}`]),
  ].join('; ');
}

/** `12:00:05Z`, with the date where that is not today. */
function clockOf(instant: string, nowMs: number): string {
  const isToday = instant.slice(0, 10) === new Date(nowMs).toISOString().slice(0, 10);
  return `${instant.slice(isToday ? 11 : 0, 19).replace('T', ' ')}Z`;
}
