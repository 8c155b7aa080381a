import type { Benchmark, Findings } from './benchmark.ts';
import type { BenchContext } from './context.ts';
import { type ExportFigures, runExport } from './export-run.ts';
import { count, figure, mebibytes, spreadCells } from './format.ts';
import { type Spread, spreadOf } from './statistics.ts';

const RECORDS = 1_000_000;
/** Run only once: its parts are gigabytes. */
const MANY = 10_000_000;

export const exportBenchmark: Benchmark = {
  name: 'export',
  title: 'Export',
  about: `\`fetchfleet export -o FILE\` of generated parts like those of four workers, about 260 bytes per
record, with a few repeated records: the whole command, from its start to its exit. Every line of
the file is checked.`,
  run: measureExport,
};

async function measureExport(context: BenchContext): Promise<Findings> {
  const records = context.scaled(RECORDS);
  const ndjson: ExportFigures[] = [];
  for (let round = 0; round < context.rounds; round++) {
    ndjson.push(...(await runExport(records, { folder: context.folder })));
    context.log(`  ${figure(ndjson.at(-1)?.recordsPerSecond ?? 0)} records/s`);
  }
  const many = context.isQuick ? [] : await runExport(MANY, { folder: context.folder });
  const csv = await runExport(records, { folder: context.folder, formats: ['csv'] });
  const groups = [ndjson, many, csv].filter((group) => group.length > 0);
  const [usual, most] = [ndjson, many].map((group) =>
    spread(group, ({ maxRssBytes }) => maxRssBytes),
  );
  const growth =
    usual === undefined || most === undefined ? undefined : spreadOf([most.median / usual.median]);
  return {
    tables: [
      {
        title: 'Whole commands',
        head: ['', 'records/s', 'slowest – fastest', 'seconds', 'MiB resident, at most'],
        rows: groups.map((group) => [
          `${count(group[0]?.records ?? 0)}, ${group[0]?.format ?? ''}`,
          ...spreadCells(spread(group, ratePerSecond)),
          figure(spread(group, ({ seconds }) => seconds)?.median ?? 0),
          mebibytes(spread(group, ({ maxRssBytes }) => maxRssBytes)?.high ?? 0),
        ]),
      },
    ],
    charts: [],
    measures: context.isQuick
      ? {}
      : {
          '1,000,000 records': spread(ndjson, ratePerSecond),
          '10,000,000 records': spread(many, ratePerSecond),
          'memory growth': growth,
        },
  };
}

function ratePerSecond({ recordsPerSecond }: ExportFigures): number {
  return recordsPerSecond;
}

function spread(
  group: readonly ExportFigures[],
  of: (figures: ExportFigures) => number,
): Spread | undefined {
  return spreadOf(group.map(of));
}
