import { describe, expect, it } from '@jest/globals';
import { parseCrawlFile } from '../judged.ts';

function parse(parameter: string) {
  return parseCrawlFile(`url: https://a.example/{id}\nparams:\n  id: ${parameter}\n`, 'c.yaml');
}

function rulesOf(keys: string, file = 'ids.csv, column: id') {
  const [source] = parse(`{ file: ${file}, ${keys} }`).sources;
  return source?.kind === 'file' ? source.rules : undefined;
}

describe('the rules of a list file', () => {
  it('are the same crawl whether defaults are written out or not', () => {
    const written = 'trim: true, blank: refuse, delimiter: ","';
    expect(rulesOf(written)).toEqual({ trim: true, blank: 'refuse' });
    expect(parse(`{ file: ids.csv, column: id, ${written} }`)).toEqual(
      parse('{ file: ids.csv, column: id }'),
    );
    expect(parse('{ file: ids.txt, blank: skip }')).toEqual(parse('{ file: ids.txt }'));
  });

  it.each([
    ['trim: false', { trim: false, blank: 'refuse' }],
    ['blank: keep', { trim: true, blank: 'keep' }],
    ['comment: "//"', { trim: true, blank: 'refuse', comment: '//' }],
    ['delimiter: "\\t"', { trim: true, blank: 'refuse', delimiter: '\t' }],
    ['encoding: Latin1', { trim: true, blank: 'refuse', encoding: 'windows-1252' }],
    ['encoding: UTF8', { trim: true, blank: 'refuse', encoding: 'utf-8' }],
  ])('take %s', (keys, rules) => {
    expect(rulesOf(keys)).toEqual(rules);
  });

  it.each([
    ['trim: yes', /id\.trim: "yes" is not allowed; allowed: true or false/u],
    ['blank: drop', /id\.blank: "drop" is not allowed; allowed: refuse, keep or skip/u],
    ['comment: ""', /id\.comment: an empty text is not allowed/u],
    ['comment: "a comment"', /id\.comment: "a comment" cannot mark comments/u],
    ['delimiter: tab', /id\.delimiter: "tab" is not a delimiter; .* a tab is written "\\t"/u],
    ['delimiter: "\\""', /is not a delimiter/u],
    ['encoding: latin-17', /"latin-17" is not a known encoding; allowed: utf-8, .*windows-1252/u],
    ['encodin: latin1', /unknown key; did you mean "encoding"\?/u],
    ['quux: 1', /allowed: (?!.*blank.*blank).*blank/u],
  ])('refuse %s', (keys, message) => {
    expect(() => rulesOf(keys)).toThrow(message);
  });

  it('belong to list files, and delimiters to .csv files', () => {
    expect(() => rulesOf('delimiter: ";"', 'ids.txt')).toThrow(/a \.txt file has no cells/u);
    expect(() => rulesOf('delimiter: ";"', 'ids.ndjson, column: id')).toThrow(/\.ndjson file has/u);
    expect(() => parse('{ from: 1, to: 2, trim: true }')).toThrow(/cannot be combined with from/u);
  });
});

describe('a value in the crawl file', () => {
  it.each([
    ['["", a]', ['', 'a']],
    ["['']", ['']],
    ['[" a ", "\\u00a0"]', [' a ', '\u00a0']],
    ['[\u00a0a\u200b, \u202ab]', ['a', 'b']],
  ])('is taken as it is within quotes, and trimmed without: %s', (list, values) => {
    expect(parse(list).sources).toEqual([{ name: 'id', kind: 'list', values }]);
  });

  it.each(['[~]', '[null, a]', '[\u00a0]'])('cannot be missing: %s', (list) => {
    expect(() => parse(list)).toThrow(/if it is meant, write ""/u);
  });
});

describe('the length of a prefix in the template', () => {
  it.each(['{id:01}', '{+id:007}', '{?id:00012}', '{id,id:03}', '{id:09*}'])(
    'does not begin with 0: %s',
    (expression) => {
      const text = `url: 'https://a.example/${expression}'\nparams: { id: [1] }`;
      expect(() => parseCrawlFile(text, 'c.yaml')).toThrow(/RFC 6570/u);
    },
  );

  it.each(['{id:10}', '{id:9999}', '{id}:01', '{id}/{id:1}'])(
    'may contain one: %s',
    (expression) => {
      const text = `url: 'https://a.example/${expression}'\nparams: { id: [1] }`;
      expect(() => parseCrawlFile(text, 'c.yaml')).not.toThrow();
    },
  );
});
