import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { installLeakGuard } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Project } from './cli-fixture.ts';
import { readDocument } from './docs-fixture.ts';

const BATCH = 'countries-20261123-0017-k3f9';

let project: Project;
beforeEach(async () => {
  project = await Project.create();
  await layOut();
  for (const options of [
    ['-o', 'records.ndjson'],
    ['--outcome', 'ok', '--explode', '$', '-o', 'items.ndjson'],
    ['--format', 'parquet', '-o', 'records.parquet'],
  ]) {
    await project.call(['export', BATCH, ...options]);
  }
});
afterEach(async () => {
  await project.remove();
});
installLeakGuard();

async function layOut(): Promise<void> {
  const record = (country: string, index: number, rest: object): string =>
    JSON.stringify({
      batch: BATCH,
      index,
      params: { country },
      url: `https://api.example/${country}`,
      outcome: 'ok',
      status: 200,
      attempts: 1,
      startedAt: `2026-11-23T00:17:0${index}.000Z`,
      durationMs: 98.5,
      bytes: 90,
      worker: 'w-1',
      ...rest,
    });
  const lines = [
    record('norway', 0, {
      durationMs: 103.2,
      body: [
        { Date: '2020-03-01', Cases: 19 },
        { Date: '2020-03-02', Cases: 25 },
      ],
    }),
    record('kenya', 1, { body: [{ Date: '2020-03-13', Cases: 1 }] }),
    record('atlantis', 2, {
      outcome: 'http-error',
      status: 404,
      durationMs: 51,
      error: { code: 'HTTP_404', message: 'the origin answered 404' },
    }),
  ];
  const manifest = { batch: BATCH, name: 'countries', total: 3, params: ['country'], url: '' };
  await mkdir(project.path('results', BATCH), { recursive: true });
  await writeFile(project.path('results', BATCH, 'batch.json'), JSON.stringify(manifest));
  await writeFile(project.path('results', BATCH, 'part-w-1-1.ndjson'), `${lines.join('\n')}\n`);
}

interface Recipe {
  readonly section: string;
  readonly language: string;
  readonly text: string;
  readonly output: string;
}

/** Every block that has its output behind it. */
async function recipes(): Promise<Recipe[]> {
  const page = await readDocument('docs/recipes.md');
  return page.split(/^## /mu).flatMap((section) => {
    const blocks = /^```(sh|python|sql|r)\n(.*?)^```\n\n```text\n(.*?)^```$/gmsu;
    const [name = ''] = section.split('\n');
    return [...section.matchAll(blocks)].map(([, language = '', text = '', output = '']) => ({
      section: name,
      language,
      text,
      output,
    }));
  });
}

/** What tells whether a tool is there; these are not on every machine, jq has to be. */
const TOOLS: Readonly<Record<string, readonly [string, readonly string[]]>> = {
  pandas: ['python3', ['-c', 'import pandas']],
  polars: ['python3', ['-c', 'import polars']],
  R: ['Rscript', ['-e', 'library(jsonlite)']],
};

function isThere(section: string): boolean {
  const [program, args] = TOOLS[section] ?? ['true', []];
  return spawnSync(program, args).status === 0;
}

const PROGRAMS: Readonly<Record<string, readonly [string, string]>> = {
  sh: ['sh', '-c'],
  python: ['python3', '-c'],
  r: ['Rscript', '-e'],
};

async function outputOf({ language, text }: Recipe): Promise<string> {
  if (language === 'sql') {
    await project.write('recipe.sql', text);
    const { stdout, stderr } = await project.run(['query', BATCH, '--sql', 'recipe.sql']);
    return stdout + stderr;
  }
  const [program, flag] = PROGRAMS[language] ?? ['false', ''];
  const { stdout, stderr } = spawnSync(program, [flag, text], {
    cwd: project.folder.path,
    encoding: 'utf8',
  });
  return stdout + stderr;
}

const found = await recipes();

describe('the recipes', () => {
  it('are for five tools', () => {
    expect([...new Set(found.map(({ section }) => section))]).toEqual([
      'jq',
      'pandas',
      'polars',
      'DuckDB',
      'R',
    ]);
  });

  it.each(found.filter(({ section }) => isThere(section)))(
    '$section, $language',
    async (recipe) => {
      const output = await outputOf(recipe);
      // Trailing blanks cannot be seen on the page.
      expect(output.replaceAll(/ +$/gmu, '')).toBe(recipe.output);
    },
  );

  const others = found.filter(({ section }) => !isThere(section));
  if (others.length > 0) {
    // oxlint-disable-next-line no-disabled-tests, expect-expect -- the report names what is missing
    it.skip.each(others)('$section, $language: the tool is missing', () => undefined);
  }
});
