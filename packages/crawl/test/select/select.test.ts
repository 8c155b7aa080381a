import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { compileSelect, SelectError } from '../../src/select/select.ts';

/** What a path selects in a text. */
function selected(path: string, json: string): readonly string[] | undefined {
  return compileSelect(path)(json);
}

/** What paths consist of. */
const PIECES = '$ . .. @ ? [ ] ( ) * , : " \' \\ a 1 - & | ! < => count( match('.split(' ');

function nested(levels: number): string {
  return `${'['.repeat(levels)}1.0${']'.repeat(levels)}`;
}

function chain(levels: number): string {
  return `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
}

/** The name of what is thrown by selecting with any path from any text. */
function nameOfThrown(path: string, text: string): unknown {
  try {
    compileSelect(path)(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.name : error;
  }
}

describe('select', () => {
  test.each([
    ['$', '{"a": 1}', ['{"a":1}']],
    ['$.a', '{"a":1}', ['1']],
    ['$.b', '{"a":1}', []],
    ['$.items[*].id', '{"items":[{"id":"x"},{"id":null},{}]}', ['"x"', 'null']],
    ['$.items[-1]', '{"items":[1,2,3]}', ['3']],
    ['$.items[1:]', '{"items":[1,2,3]}', ['2', '3']],
    ["$['a b']", '{"a b":true}', ['true']],
    ['$..id', '{"id":1,"a":[{"id":2},{"b":{"id":3}}]}', ['1', '2', '3']],
    ['$..*', '[[1],{"a":2}]', ['[1]', '{"a":2}', '1', '2']],
    ['$..[0]', '[[1,2],[3]]', ['[1,2]', '1', '3']],
    ['$[?@.price < 10 && @.kind == "a"].id', '[{"price":9,"kind":"a","id":1},{"price":11}]', ['1']],
    ['$[?@.id == $[0].id]', '[{"id":1},{"id":2}]', ['{"id":1}']],
    ['$[?match(@.a, "x.*")]', '[{"a":"xy"},{"a":"yx"},{"a":1}]', ['{"a":"xy"}']],
    ['$[?search(@, "[0-9]+")]', '["a1","b"]', ['"a1"']],
    ['$[?length(@.a) == 2]', '[{"a":[1,2]},{"a":"x"}]', ['{"a":[1,2]}']],
    ['$[?count(@..x) > 1]', '[{"x":[{"x":1}]},{"x":1}]', ['{"x":[{"x":1}]}']],
  ])('%s in %s', (path, json, expected) => {
    expect(selected(path, json)).toEqual(expected);
  });

  test.each(['9007199254740993', '1.10', '1e5', '-0', '1E400', '0.30', '12345678901234567890.5'])(
    '%s keeps its digits',
    (number) => {
      expect(selected('$', number)).toEqual([number]);
      expect(selected('$.a', `{"a":${number}}`)).toEqual([number]);
      expect(selected('$.a', `{"b":[1],"a":{"c":[${number},2]}}`)).toEqual([`{"c":[${number},2]}`]);
      expect(selected('$..id', `[{"id":${number}},{"id":1}]`)).toEqual([number, '1']);
      expect(selected('$[?@ > -1]', `[${number},7]`)).toEqual([number, '7']);
    },
  );

  test('digits in strings are no numbers', () => {
    expect(selected('$.a', String.raw`{"a":"1.10 \" 1e5 \\","b":1}`)).toEqual([
      String.raw`"1.10 \" 1e5 \\"`,
    ]);
  });

  test('of a key that comes twice the last value counts', () => {
    expect(selected('$.a', '{"a":1.10,"a":2.0}')).toEqual(['2.0']);
    expect(selected('$.a', '{"a":[1.0],"a":{"b":2.0}}')).toEqual(['{"b":2.0}']);
    expect(selected('$.a', '{"a":{"b":2.0},"a":1.0}')).toEqual(['1.0']);
  });

  test('names of properties that every object has are names like others', () => {
    const json = '{"__proto__":{"a":1.0},"constructor":2}';
    expect(selected("$['__proto__'].a", json)).toEqual(['1.0']);
    expect(selected('$.constructor', json)).toEqual(['2']);
    expect(selected('$.toString', json)).toEqual([]);
    expect(selected('$.length', '[1]')).toEqual([]);
    expect(selected('$..a', json)).toEqual(['1.0']);
  });

  test.each(['', 'null1', '<html>', '{"a":1', '[1,]', '{"a":01}', '"', '"\\', '\ufeff', '-', '[}'])(
    '%j is not JSON',
    (text) => {
      expect(selected('$', text)).toBeUndefined();
      expect(compileSelect('$').finds(text)).toBeUndefined();
    },
  );

  test('a byte order mark is left out', () => {
    expect(selected('$.a', '\ufeff{"a":1.0}')).toEqual(['1.0']);
  });

  test.each(['$', '$.a', '$..x', '$[?@..x]', '$[?count($..b) == @.a]'])(
    '%s ends for a body that is nested deeply',
    (path) => {
      expect(selected(path, nested(1_000))).toBeDefined();
      expect(selected(path, nested(1_001))).toBeUndefined();
      expect(selected(path, nested(100_000))).toBeUndefined();
      expect(selected(path, '['.repeat(100_000))).toBeUndefined();
      expect(selected(path, '{"a":'.repeat(100_000))).toBeUndefined();
    },
  );

  test('a body may be wide', () => {
    const wide = `[${'[1],'.repeat(150_000)}[2]]`;
    expect(selected('$[*]', wide)).toHaveLength(150_001);
    expect(selected('$..[0]', wide)).toHaveLength(150_002);
    expect(selected('$[?@[0] == 2]', wide)).toEqual(['[2]']);
  });

  test('a body may not grow by being selected again and again', () => {
    expect(selected('$..a', chain(100))).toHaveLength(100);
    expect(selected('$..a', chain(999))).toBeUndefined();
    expect(compileSelect('$..a').finds(chain(999))).toBe(true);
  });

  test('a value has the digits of the text, whatever surrounds it', () => {
    const number = fc
      .tuple(fc.constantFrom('', '-'), fc.bigInt({ min: 0n }), fc.constantFrom('', '.10', 'e5'))
      .map((parts) => parts.join(''));
    const around = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(number, around, fc.string(), (digits, other, key) => {
        const text = `{"o":${JSON.stringify(other)},${JSON.stringify(key)}:[${digits}]}`;
        const path = `$[${JSON.stringify(key)}]`;
        expect(compileSelect(path)(text)).toEqual([`[${digits}]`]);
      }),
    );
  });

  test('neither a path nor a text makes it fail in another way', () => {
    const piece = fc.constantFrom(...PIECES);
    const path = fc.array(piece, { maxLength: 12 }).map((pieces) => `$${pieces.join('')}`);
    const json = fc.oneof(fc.json(), fc.string());
    fc.assert(
      fc.property(path, json, (written, text) => {
        expect([undefined, 'SelectError']).toContain(nameOfThrown(written, text));
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['{"a":null}', false],
    ['{"a":false}', true],
    ['{"a":""}', true],
    ['{"b":1}', false],
    ['[1', undefined],
  ])('whether something that is not null is found in %s: %s', (json, expected) => {
    expect(compileSelect('$.a').finds(json)).toBe(expected);
  });

  test('a path is singular if it can select one value at most', () => {
    expect(compileSelect("$.a[0]['b']").isSingular).toBe(true);
    expect(['$.a[*]', '$..a', '$[0,1]', '$[?@.a]', '$[:1]'].map(isSingular)).not.toContain(true);
  });

  test.each([
    ['items', 'a path begins with $, which stands for the whole answer'],
    ['', 'a path begins with $, which stands for the whole answer'],
    ['$.items[', 'unclosed bracketed selection (character 9)'],
    ['$.items.', 'it ends too early (character 9)'],
    ['$.items..', expect.stringContaining('bald descendant segment')],
    ['$[?nope(@)]', "no such function 'nope' (character 4)"],
    ['$[?length(@) == ]', expect.stringMatching(/\(character \d+\)$/)],
    ['$[?match(@.a, @.b)]', 'the pattern of match() must be a text in quotes (character 4)'],
    ['$[?search(@.a, $.b)]', 'the pattern of search() must be a text in quotes (character 4)'],
    ['$[9007199254740993]', expect.stringMatching(/\(character \d+\)$/)],
    [`$['a' ('$.b':4)`, expect.stringMatching(/\(character \d+\)$/)],
    ['$.items["x"', expect.any(String)],
    ['$ .a ', expect.any(String)],
  ])('%s is told to be no path', (path, message) => {
    expect(() => compileSelect(path)).toThrow(
      expect.objectContaining({ name: 'SelectError', code: 'SELECT_INVALID', message }),
    );
    expect(() => compileSelect(path)).toThrow(SelectError);
  });
});

function isSingular(path: string): boolean {
  return compileSelect(path).isSingular;
}
