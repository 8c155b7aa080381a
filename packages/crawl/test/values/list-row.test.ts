import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type TemporaryFolder, temporaryFolder } from '@fetchfleet/testing';
import * as fc from 'fast-check';
import type { ListFile } from '../../src/model/parameter-source.ts';
import type { ListRules, RowColumn } from '../../src/model/plan.ts';
import { readListFile } from '../../src/values/list-file.ts';
import type { ReadOptions } from '../../src/values/list-row.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => folder.remove());

const PERSON: RowColumn = { param: 'person', column: 'id' };
const LANG: RowColumn = { param: 'lang', column: 'language' };

interface Reading extends Partial<Pick<ReadOptions, 'checks' | 'jsonParams'>> {
  readonly columns?: readonly RowColumn[];
  readonly rules?: Partial<ListRules>;
}

async function read(
  format: ListFile['format'],
  content: string,
  { columns = [PERSON, LANG], rules, ...options }: Reading = {},
) {
  const path = join(folder.path, `rows.${format}`);
  await writeFile(path, content);
  const rows: (readonly string[])[] = [];
  const problems: string[] = [];
  const file: ListFile = {
    kind: 'rows',
    path,
    format,
    columns,
    rules: { trim: true, blank: 'refuse', ...rules },
  };
  const onProblem = (line: number, message: string) => problems.push(`${line}: ${message}`);
  for await (const chunk of readListFile(file, { onProblem, ...options })) {
    rows.push(...chunk);
  }
  return { rows, problems };
}

function quoted(cell: string): string {
  return `"${cell.replaceAll('"', '""')}"`;
}

function refuseDots(value: string): string | undefined {
  return value === '..' ? 'a step in the path' : undefined;
}

describe('rows of several columns', () => {
  const text = fc.stringMatching(/^[a-z0-9é"\\]([a-z ,;"\\]{0,5}[a-z])?$/u);
  const table = fc.array(fc.tuple(text, text, text), { minLength: 1 });
  const columns: RowColumn[] = [
    { param: 'a', column: 'C' },
    { param: 'b', column: 'A' },
    { param: 'c', column: 'A' },
  ];

  it('have the values of their columns, in any order, in both formats', async () => {
    await fc.assert(
      fc.asyncProperty(table, async (cells) => {
        const csv = cells.map((row) => row.map(quoted).join()).join('\r\n');
        const json = cells.map(([A, B, C]) => JSON.stringify({ A, B, C })).join('\n');
        const rows = cells.map(([A, , C]) => [C, A, A]);
        expect(await read('csv', `A,B,C\n${csv}`, { columns })).toEqual({ rows, problems: [] });
        expect(await read('ndjson', json, { columns })).toEqual({ rows, problems: [] });
      }),
    );
  });

  const optional = [PERSON, { ...LANG, optional: true }] as const;
  const blanks = {
    csv: 'language,id\nno,1\n ,2\nse,\n',
    ndjson: '{"language":"no","id":1}\n{"id":2}\n{"language":"se","id":null}\n',
  } as const;

  it.each(['csv', 'ndjson'] as const)(
    'may be blank where a column is optional, else as the rules of a .%s list say',
    async (format) => {
      const content = blanks[format];
      const line = format === 'csv' ? 4 : 3;
      const refused = await read(format, content, { columns: optional });
      expect(refused).toEqual({
        rows: [
          ['1', 'no'],
          ['2', ''],
        ],
        problems: [
          expect.stringMatching(
            new RegExp(
              `^${line}: column "id": the value is empty; .*, optional: \\[person\\]`,
              'u',
            ),
          ),
        ],
      });
      const skipped = await read(format, content, { columns: optional, rules: { blank: 'skip' } });
      expect(skipped).toEqual({ rows: refused.rows, problems: [] });
      const kept = await read(format, content, { columns: optional, rules: { blank: 'keep' } });
      expect(kept.rows).toEqual([...refused.rows, ['', 'se']]);
    },
  );

  it('report each value that is not usable, with its line and column', async () => {
    const long = 'x'.repeat(9000);
    const checks = new Map([['lang', refuseDots]]);
    expect(await read('csv', `id,language\n${long},..\n1,a\0b\n2,no\n`, { checks })).toEqual({
      rows: [['2', 'no']],
      problems: [
        '2: column "id": the value is longer than 8192 characters',
        '2: column "language": a step in the path',
        expect.stringMatching(/^3: column "language": the value has a NUL character/u),
      ],
    });
    const json = '{"id":{},"language":[]}\n{"ID":1,"language":"no"}\n7\n{"id":1,"language":"x"}\n';
    expect(await read('ndjson', json)).toEqual({
      rows: [['1', 'x']],
      problems: [
        expect.stringMatching(
          /^1: "id" is neither a text nor a number; \{\{person\|json\}\} takes/u,
        ),
        expect.stringMatching(/^1: "language" is neither a text nor a number/u),
        '2: there is no key "id"; did you mean "ID"?',
        '3: the line is not a JSON object',
      ],
    });
  });

  it('have a bounded length', async () => {
    const many = Array.from({ length: 9 }, (_, at) => ({ param: `p${at}`, column: `c${at}` }));
    const names = many.map(({ column }) => column).join();
    const wide = many.map(() => 'x'.repeat(8000)).join();
    const { problems } = await read('csv', `${names}\n${wide}\n`, { columns: many });
    expect(problems).toEqual(['2: the row is longer than 65536 characters']);
  });

  it.each([
    [
      'csv',
      'ID,lang\n',
      /:1: there is no column "id"; did you mean "ID"\?[^]*no column "language"/,
    ],
    ['csv', 'id;language\n', /add delimiter: ";"/],
    ['csv', 'id,language,id\n', /there are two columns "id"/],
    ['ndjson', '{"id":1,"langauge":"x"}\n', /no row has a key "language"; did you mean "langauge"/],
  ] as const)('need their columns in a .%s list: %j', async (format, content, problem) => {
    const wanted = [PERSON, { ...LANG, optional: true as const }];
    await expect(read(format, content, { columns: wanted })).rejects.toThrow(problem);
  });
});

describe('the values of NDJSON', () => {
  const columns = [PERSON];
  const valuesOf = async (values: readonly string[], options: Reading = {}) => {
    const lines = values.map((value) => `{"x":{"id":1e9},"id":${value},"y":1.50}\n`);
    const { rows, problems } = await read('ndjson', lines.join(''), { columns, ...options });
    return { values: rows.map(([value]) => value), problems };
  };

  it('keep the digits of every number', async () => {
    const fraction = fc.stringMatching(
      /^-?(?:0|[1-9][0-9]{0,24})(?:\.[0-9]{1,5})?(?:[eE][+-]?[0-9])?$/,
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fraction, { minLength: 1 }), async (numbers) => {
        expect(await valuesOf(numbers)).toEqual({ values: numbers, problems: [] });
      }),
    );
  });

  it('are true, false and nothing for null', async () => {
    const { values } = await valuesOf(['true', 'false', 'null'], { rules: { blank: 'keep' } });
    expect(values).toEqual(['true', 'false', '']);
  });

  it('may be any JSON where the crawl takes JSON, and texts that look like it stay texts', async () => {
    const jsonParams = new Set(['person']);
    const values = [
      '{"b":12345678901234567890,"a":[1.10]}',
      '[]',
      'null',
      'true',
      '7',
      '"7"',
      '"x"',
    ];
    expect(await valuesOf(values, { jsonParams })).toEqual({
      values,
      problems: [],
    });
  });
});
