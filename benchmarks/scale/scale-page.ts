import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot } from '@fetchfleet/testing';
import { readRealRuns } from './compared.ts';
import {
  boundRows,
  comparedRows,
  dayRows,
  familyRows,
  priceRows,
  requirementRows,
  type Rows,
  slopeRows,
} from './scale-tables.ts';
import { readDays } from './simulated.ts';
import { readSlopes } from './slopes.ts';

const PAGE = join(repositoryRoot, 'docs/scale.md');

/** The tables of docs/scale.md by name, made from the stored figures. */
export async function scaleTables(): Promise<Readonly<Record<string, Rows>>> {
  const [slopes, runs, days] = await Promise.all([readSlopes(), readRealRuns(), readDays()]);
  return {
    families: familyRows(slopes),
    slopes: slopeRows(slopes),
    compared: comparedRows(runs),
    days: dayRows(days),
    requirements: requirementRows(days, slopes),
    prices: priceRows(),
    bounds: boundRows(slopes),
  };
}

export async function readPage(): Promise<string> {
  return readFile(PAGE, 'utf8');
}

/** Writes the tables into docs/scale.md. @throws Error if figures are missing */
export async function updatePage(): Promise<void> {
  let page = await readPage();
  for (const [name, rows] of Object.entries(await scaleTables())) {
    page = withTable(page, name, tableText(rows));
  }
  await writeFile(PAGE, page);
}

/** A table stands between a comment with its name and the next comment. */
export function tableIn(page: string, name: string): string {
  return partsOf(page, name)[1];
}

function withTable(page: string, name: string, table: string): string {
  const [before, , after] = partsOf(page, name);
  return `${before}\n\n${table}\n\n${after}`;
}

function partsOf(page: string, name: string): [before: string, table: string, after: string] {
  const open = `<!-- table: ${name} -->`;
  const close = '<!-- end -->';
  const from = page.indexOf(open) + open.length;
  const to = page.indexOf(close, from);
  if (from < open.length || to < 0) {
    throw new Error(`docs/scale.md has no table "${name}"`);
  }
  return [page.slice(0, from), page.slice(from, to).trim(), page.slice(to)];
}

/** Aligned, as the formatter does it. */
function tableText(rows: Rows): string {
  const [head = []] = rows;
  const widths = head.map((_, column) =>
    Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = line(widths.map((width) => '-'.repeat(width)));
  return [line(head), rule, ...rows.slice(1).map(line)].join('\n');
}
