import { describe, expect, it } from '@jest/globals';
import { parseCrawlFile } from '../judged.ts';
import { formatProblem, InputError } from '../../../src/model/input-error.ts';

const URL = 'url: http://a.example/{person}/{lang}\n';

function problemsOf(text: string): string[] {
  try {
    parseCrawlFile(text, '/base/crawl.yaml');
    return [];
  } catch (error) {
    if (error instanceof InputError) {
      return error.problems.map(formatProblem);
    }
    throw error;
  }
}

describe('rows', () => {
  it('give several parameters, which are the first of the plan', () => {
    const text = `url: http://a.example/{year}/{person}/{lang}
params: { year: [2015] }
rows: { file: people.csv, columns: { person: id, lang: language }, optional: [lang], blank: skip }`;
    const { plan, sources } = parseCrawlFile(text, '/base/crawl.yaml');
    expect(plan.params).toEqual(['person', 'lang', 'year']);
    expect(sources).toEqual([
      {
        kind: 'rows',
        path: '/base/people.csv',
        format: 'csv',
        columns: [
          { param: 'person', column: 'id' },
          { param: 'lang', column: 'language', optional: true },
        ],
        rules: { trim: true, blank: 'skip' },
      },
      { name: 'year', kind: 'list', values: ['2015'] },
    ]);
  });

  it('may name columns as the parameters, and lines of a text file have one', () => {
    const named = parseCrawlFile(`${URL}rows: { file: a.ndjson, columns: [person, lang] }`, 'x');
    expect(named.sources).toMatchObject([
      {
        format: 'ndjson',
        columns: [
          { param: 'person', column: 'person' },
          { param: 'lang', column: 'lang' },
        ],
      },
    ]);
    const lines = 'url: http://a.example/{id}\nrows: { file: a.txt, columns: [id] }';
    expect(parseCrawlFile(lines, 'x').sources).toMatchObject([
      { kind: 'rows', format: 'txt', columns: [{ param: 'id' }], rules: { blank: 'skip' } },
    ]);
  });

  it.each([
    ['people.csv', /^\/base\/crawl\.yaml:2:7 rows: "people\.csv" is not a mapping/],
    ['{ columns: [person, lang] }', /rows need a file and columns: \{ file: people\.csv, columns/],
    ['{ file: a.csv }', /rows need a file and columns/],
    ['{ file: a.csv, columns: [] }', /rows\.columns: a list is not allowed; write columns: \[id/],
    ['{ file: a.csv, columns: person }', /rows\.columns: "person" is not allowed; write columns/],
    ['{ file: a.csv, columns: { person: , lang: l } }', /columns\.person: an empty value is not/],
    ['{ file: a.csv, columns: { person: [x], lang: l } }', /columns\.person: a list is not allow/],
    ['{ file: a.csv, columns: [person, lang, person] }', /\[2\]: the columns name person twice/],
    ['{ file: a.csv, columns: [person, "the lang"] }', /"the lang" cannot be the name of a param/],
    ['{ file: a.xls, columns: [person, lang] }', /rows\.file: "a\.xls" has an unknown extension/],
    ['{ file: a.txt, columns: [person, lang] }', /a \.txt file has no columns: its lines are the/],
    ['{ file: a.txt, columns: { person: id } }', /one parameter, columns: \[person\]/],
    ['{ file: a.txt, columns: [person], optional: [person] }', /write blank: keep to take blank/],
    ['{ file: a.csv, column: person }', /rows\.column: unknown key; did you mean "columns"\?/],
    [
      '{ file: a.csv, columns: { person: id, lang: language }, optional: [language] }',
      /optional\[0\]: "language" is not a parameter of columns; did you mean "lang"\?/,
    ],
    [
      '{ file: a.csv, columns: [person, lang], optional: [langg] }',
      /"langg" is not a parameter of columns; did you mean "lang"\?/,
    ],
    [
      '{ file: a.csv, columns: [person, lang], optional: lang }',
      /rows\.optional: "lang" is not a list; write it like \[person, lang\]/,
    ],
    [
      '{ file: a.csv, columns: [person, lang, age] }',
      /:2:\d+ rows\.columns\[2\]: no request uses this parameter; write \{age\}/,
    ],
    [
      '{ file: a.ndjson, columns: [person, lang], delimiter: ";" }',
      /a \.ndjson file has no cells: delimiter is for \.csv files/,
    ],
    [
      '{ file: "http://10.0.0.1/a.csv", columns: [person, lang] }',
      /:2:7 rows: 10\.0\.0\.1 is a private address/,
    ],
  ])('are refused with a sentence: %s', (rows, problem) => {
    expect(problemsOf(`${URL}rows: ${rows}`)).toContainEqual(expect.stringMatching(problem));
  });

  it('share no parameter with params', () => {
    const text = `${URL}rows: { file: a.csv, columns: [person, lang] }\nparams:\n  lang: [no]\n`;
    expect(problemsOf(text)).toEqual([
      '/base/crawl.yaml:4:3 params.lang: rows: or urls: gives the parameter lang its values already',
    ]);
  });
});
