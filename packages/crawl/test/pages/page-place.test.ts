import { describe, expect, it } from '@jest/globals';
import { withJson, withQuery } from '../../src/pages/page-place.ts';

describe('a parameter of the query', () => {
  it.each([
    ['https://a.example/x', 'https://a.example/x?page=2'],
    ['https://a.example/x?', 'https://a.example/x?page=2'],
    ['https://a.example/x?q=a%20b+c&z', 'https://a.example/x?q=a%20b+c&z&page=2'],
    ['https://a.example/x?page=1&q=1', 'https://a.example/x?page=2&q=1'],
    ['https://a.example/x?q=1&p%61ge=1&page=7&page', 'https://a.example/x?q=1&page=2'],
    ['https://a.example/x?q=1#page=3', 'https://a.example/x?q=1&page=2#page=3'],
    ['https://a.example/x#y?page=3', 'https://a.example/x?page=2#y?page=3'],
  ])('%s', (url, expected) => {
    expect(withQuery(url, 'page', '2')).toBe(expected);
  });

  it('is escaped, in name and value', () => {
    expect(withQuery('https://a.example/', 'page[at]', 'a&b=c #\ud800é')).toBe(
      'https://a.example/?page%5Bat%5D=a%26b%3Dc%20%23%EF%BF%BD%C3%A9',
    );
  });
});

describe('a place in a JSON body', () => {
  it.each([
    ['{"a":1}', 'cursor', '"x"', '{"a":1,"cursor":"x"}'],
    [
      '{"v":{"c":null,"n":1.10}}',
      'v.c',
      '9007199254740993',
      '{"v":{"c":9007199254740993,"n":1.10}}',
    ],
    ['{}', 'a.b.c', '[1,{"x":1e5}]', '{"a":{"b":{"c":[1,{"x":1e5}]}}}'],
    ['{"id":9007199254740993}', '__proto__.x', '1', '{"id":9007199254740993,"__proto__":{"x":1}}'],
    ['{"a":{"b":1}}', 'a', 'null', '{"a":null}'],
  ])('%s at %s', (body, path, value, expected) => {
    expect(withJson(body, path, value)).toBe(expected);
  });

  it.each([
    ['[1]', 'a'],
    ['1', 'a'],
    ['{"a":1.10}', 'a.b'],
    ['{"a":[{}]}', 'a.0'],
    ['{"a":"x"}', 'a.b.c'],
    ['', 'a'],
  ])('is refused in %s at %s', (body, path) => {
    expect(withJson(body, path, '1')).toBeUndefined();
  });
});
