import type { GateCase, GateScore } from './gate-cases.ts';
import { count } from './format.ts';

const WIDTHS = [30, 10, 8, 16, 9, 9, 10, 10, 8, 10, 8];

export const GATE_HEAD = line([
  '',
  'fetches/s',
  'used',
  'busiest second',
  'starts',
  'scripts',
  'commands',
  'workers',
  'Redis',
  'workers',
  'Redis',
]);
export const GATE_UNITS = line([
  '',
  '',
  'of limit',
  'seen / allowed',
  '/ slice',
  '/ fetch',
  '/ fetch',
  'µs/fetch',
  'µs/fetch',
  '% core',
  '% core',
]);

export function gateRow(given: GateCase, { costs, arrivals, fetches }: GateScore): string {
  const { seconds, workerMicros, redisMicros, scripts, commands, starts, finished } = costs;
  const isLimited = Number.isFinite(given.perSecond);
  const limit = isLimited ? given.rate : 'unlimited';
  const allowed = Math.floor(given.perSecond) + 1;
  const origins = given.origins === 1 ? 'origin' : 'origins';
  const backlog = given.watch === undefined ? '' : ', waiting';
  return line([
    `${count(given.origins)} ${origins}, ${limit}${backlog}`,
    count(fetches / seconds),
    isLimited ? `${(arrivals.used * 100).toFixed(1)} %` : '',
    isLimited ? `${arrivals.busiest} / ${allowed}` : '',
    finished === 0 ? '' : (starts / finished).toFixed(1),
    (scripts / fetches).toFixed(2),
    (commands / fetches).toFixed(1),
    each(workerMicros, fetches),
    each(redisMicros, fetches),
    share(workerMicros, seconds),
    share(redisMicros, seconds),
  ]);
}

function each(micros: number | undefined, fetches: number): string {
  return micros === undefined ? '' : count(micros / fetches);
}

function share(micros: number | undefined, seconds: number): string {
  return micros === undefined ? '' : `${(micros / seconds / 1e4).toFixed(1)} %`;
}

function line(cells: readonly string[]): string {
  const [name = '', ...rest] = cells;
  const columns = rest.map((cell, at) => cell.padStart((WIDTHS[at + 1] ?? 0) + 1));
  return (name.padEnd(WIDTHS[0] ?? 0) + columns.join('')).trimEnd();
}
