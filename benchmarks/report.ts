import { rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { judge, type Target, type Verdict } from './bars.ts';
import type { Benchmark, Table } from './benchmark.ts';
import { renderSvg } from './chart.ts';
import type { StoredResult } from './stored-results.ts';

const FOLDER = new URL('./', import.meta.url);

export interface Chapter {
  readonly benchmark: Benchmark;
  readonly result: StoredResult;
}

/** The report as Markdown. */
export function reportText(chapters: readonly Chapter[]): string {
  const results = chapters.map(({ result }) => result);
  return [
    '# Results',
    '',
    'Written by `npm run bench`; [README.md](README.md) says what runs and how to read it. Figures are medians; the columns beside them say how',
    'far the runs reach. Ratios are taken round by round.',
    '',
    ...[...new Set(results.flatMap(({ machine }) => machine))].map((line) => `- ${line}`),
    ...whenLines(results),
    '',
    '## Bars',
    '',
    markdownTable({ title: '', head: BAR_HEAD, rows: verdictsOf(results).map(barRow) }),
    ...chapters.flatMap(chapterLines),
    '',
  ].join('\n');
}

/** Writes RESULTS.md and its charts to this folder. */
export async function writeReport(chapters: readonly Chapter[]): Promise<string> {
  for (const { result } of chapters) {
    for (const chart of result.findings.charts) {
      const file = fileURLToPath(new URL(`${chart.file}.svg`, FOLDER));
      await rm(file, { force: true });
      await writeFile(file, renderSvg(chart));
    }
  }
  const path = fileURLToPath(new URL('RESULTS.md', FOLDER));
  await writeFile(path, reportText(chapters));
  return path;
}

const BAR_HEAD = ['bar', 'wanted', 'measured', 'lowest – highest', ''];

/** Shows only the bars of the benchmarks that ran. */
function verdictsOf(results: readonly StoredResult[]): Verdict[] {
  const isQuick = results.some((result) => result.isQuick);
  return judge(results).filter(({ isMet }) => !isQuick || isMet !== undefined);
}

function barRow({ target, measured, isMet }: Verdict): string[] {
  if (measured === undefined) {
    return [target.text, wanted(target), '', '', 'not measured'];
  }
  const { median, low, high } = measured;
  const reach = low === high ? '' : `${target.format(low)} – ${target.format(high)}`;
  return [
    target.text,
    wanted(target),
    target.format(median),
    reach,
    isMet === true ? 'met' : '**missed**',
  ];
}

function wanted({ atLeast, atMost, format }: Target): string {
  return atLeast === undefined ? `≤ ${format(atMost ?? 0)}` : `≥ ${format(atLeast)}`;
}

/** Dates and commits: one line, unless benchmarks ran at different times. */
function whenLines(results: readonly StoredResult[]): string[] {
  const whens = results.map(({ takenAt, commit, rounds }) => {
    const times = rounds === 1 ? 'one run' : `${rounds} runs`;
    return `- ${takenAt.slice(0, 10)}, commit ${commit}, ${times} of each`;
  });
  return [...new Set(whens)];
}

function chapterLines({ benchmark, result }: Chapter): string[] {
  const { tables, charts, remarks = [] } = result.findings;
  return [
    '',
    `## ${benchmark.title}`,
    '',
    benchmark.about,
    ...remarks.flatMap((remark) => ['', remark]),
    ...tables.flatMap((table) => ['', `**${table.title}**`, '', markdownTable(table)]),
    ...charts.flatMap(({ file, title }) => ['', `![${title}](${file}.svg)`]),
    '',
    `\`npm run bench -- ${benchmark.name}\`, ${Math.round(result.seconds)} s`,
  ];
}

function markdownTable({ head, rows }: Table): string {
  const widths = head.map((cell, at) =>
    Math.max(3, ...[cell, ...rows.map((row) => row[at] ?? '')].map((text) => text.length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, at) => pad(cells[at] ?? '', width, at)).join(' | ')} |`;
  const rule = widths.map((width, at) =>
    at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(head), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n');
}

/** Aligns names left and figures right. */
function pad(text: string, width: number, column: number): string {
  return column === 0 ? text.padEnd(width) : text.padStart(width);
}
