import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { indentJson } from '../../../src/commands/request/indent-json.ts';

describe('indented JSON', () => {
  it.each([
    ['{}', '{}'],
    ['[ ]', '[]'],
    ['7', '7'],
    ['"a,{}:[]\\""', '"a,{}:[]\\""'],
    ['{"a":[],"b":{ }}', '{\n  "a": [],\n  "b": {}\n}'],
    ['{"id":9007199254740993,"p":1.10}', '{\n  "id": 9007199254740993,\n  "p": 1.10\n}'],
    ['{"2":1,"1":2,"1":3}', '{\n  "2": 1,\n  "1": 2,\n  "1": 3\n}'],
    [
      '[[1,2],[{"a":null}]]',
      '[\n  [\n    1,\n    2\n  ],\n  [\n    {\n      "a": null\n    }\n  ]\n]',
    ],
  ])('%s', (json, indented) => {
    expect([...indentJson(json)].join('\n')).toBe(indented);
  });

  it('is what JSON.stringify makes of it, where that loses nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        // Reading JSON may reorder keys.
        const read: unknown = JSON.parse(JSON.stringify(value));
        expect([...indentJson(JSON.stringify(read))].join('\n')).toBe(
          JSON.stringify(read, null, 2),
        );
      }),
    );
  });

  it('is made of one string with any number of escapes', () => {
    const json = JSON.stringify('"\\'.repeat(2_000_000));
    expect([...indentJson(json)][0] === json).toBe(true);
  });
});
