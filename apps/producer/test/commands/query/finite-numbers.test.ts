import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { FiniteNumbers } from '../../../src/commands/query/finite-numbers.ts';

/** @param size bytes of a chunk */
async function through(text: string, size: number): Promise<string> {
  const bytes = Buffer.from(text);
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );
  return (await buffer(Readable.from(chunks).pipe(new FiniteNumbers()))).toString();
}

describe('numbers that JSON does not have', () => {
  it.each([
    ['{"x":Infinity,"y":-Infinity,"z":NaN}', '{"x":null,"y":null,"z":null}'],
    ['{"x":[Infinity,-NaN,-1.5,2e-7],"y":{"k":NaN}}', '{"x":[null,null,-1.5,2e-7],"y":{"k":null}}'],
    ['{"NaN":"Infinity, -NaN","x":"\\"NaN\\\\"}', '{"NaN":"Infinity, -NaN","x":"\\"NaN\\\\"}'],
    ['{"ü":"\\\\","x":NaN,"y":"\\\\\\"NaN"}', '{"ü":"\\\\","x":null,"y":"\\\\\\"NaN"}'],
    ['[\n\t{"x":true,"y":false,"z":null}\n]\n', '[\n\t{"x":true,"y":false,"z":null}\n]\n'],
    ['NaN', 'null'],
  ])('become null, wherever a chunk ends: %s', async (text, expected) => {
    for (let size = 1; size <= Buffer.byteLength(text); size += 1) {
      expect(await through(text, size)).toBe(expected);
    }
  });
});
