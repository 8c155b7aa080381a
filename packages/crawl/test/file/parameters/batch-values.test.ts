import { describe, expect, it } from '@jest/globals';
import { parseCrawlFile } from '../judged.ts';
import type { ParameterSource } from '../../../src/model/plan.ts';

function sourceOf(item: string): ParameterSource | undefined {
  const text = `url: http://a.example/{item}\nparams: { item: ${item} }`;
  return parseCrawlFile(text, 'crawl.yaml').sources[0];
}

describe('values of a batch', () => {
  it('have a batch and a path, and may be unique', () => {
    const named = { name: 'item', kind: 'batch', batch: 'list-of-items', select: '$.items[*].id' };
    expect(sourceOf('{ batch: list-of-items, select: "$.items[*].id" }')).toEqual(named);
    expect(
      sourceOf('{ batch: list-of-items, select: "$.items[*].id", unique: false, blank: refuse }'),
    ).toEqual(named);
    expect(
      sourceOf('{ batch: list-of-items, select: "$.items[*].id", unique: true, blank: skip }'),
    ).toEqual({ ...named, unique: true, blank: 'skip' });
  });

  it.each([
    ['{ batch: b }', /:2:17 params\.item: values of a batch need both: \{ batch: name, select/],
    ['{ select: $.x }', /params\.item: values of a batch need both/],
    ['{ batch: ../results, select: $ }', /"\.\.\/results" is neither the id of a batch nor/],
    ['{ batch: , select: $ }', /item\.batch: an empty value is not allowed/],
    ['{ batch: b, select: items }', /item\.select: "items" is not a JSONPath \(RFC 9535\): a path/],
    ['{ batch: b, select: "$.a[" }', /"\$\.a\[" is not a JSONPath \(RFC 9535\)/],
    ['{ batch: b, select: $, unique: maybe }', /item\.unique: "maybe" is not allowed/],
    ['{ batch: b, select: $, file: a.txt }', /cannot be combined with|item\.batch: cannot/],
    [
      '{ batch: b, select: $, trim: false }',
      /item\.trim: cannot be combined with batch and select/,
    ],
    ['{ countries: slug, unique: true }', /item\.unique: cannot be combined with countries/],
  ])('are refused with a sentence: %s', (item, problem) => {
    expect(() => sourceOf(item)).toThrow(problem);
  });
});
