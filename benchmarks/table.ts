import type { Score } from './contest.ts';

/** One block of the report: every contender, and how many times as fast as the first it is. */
export function scoreTable(title: string, scores: readonly Score[]): string {
  const head = line('', ['fetches/s', '×', 'slowest – fastest', 'CPU µs', '+ Redis']);
  const base = scores[0]?.fetchesPerSecond ?? 0;
  const rows = scores.map((score) => line(`  ${score.name}`, cellsOf(score, base)));
  return ['', title, head, ...rows].join('\n');
}

/** Lines of names and values. */
export function factTable(facts: readonly (readonly [string, string])[]): string {
  return facts.map(([name, value]) => `  ${name.padEnd(52)} ${value}`).join('\n');
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function cellsOf(score: Score, base: number): string[] {
  const { fetchesPerSecond, slowest, fastest, cpuMicros, redisMicros } = score;
  const ratio = fetchesPerSecond / base;
  return [
    fetchesPerSecond < 100 ? fetchesPerSecond.toFixed(1) : count(fetchesPerSecond),
    ratio < 100 ? ratio.toFixed(1) : count(ratio),
    `${count(slowest)} – ${count(fastest)}`,
    cpuMicros === undefined ? '' : count(cpuMicros),
    redisMicros === undefined ? '' : count(redisMicros),
  ];
}

function line(name: string, cells: readonly string[]): string {
  const [rate = '', ratio = '', range = '', cpu = '', redis = ''] = cells;
  const columns = [rate.padStart(10), ratio.padStart(7), range.padStart(19), cpu.padStart(9)];
  return (name.padEnd(36) + columns.join('') + redis.padStart(9)).trimEnd();
}
