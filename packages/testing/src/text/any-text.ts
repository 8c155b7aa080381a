import * as fc from 'fast-check';

/** Surrogates, which are no characters by themselves. */
const FIRST_SURROGATE = 0xd800;
const SURROGATES = 0x800;

const ascii = fc.integer({ min: 0, max: 0x7f });
const character = fc
  .integer({ min: 0, max: 0x10_ff_ff - SURROGATES })
  .map((at) => (at < FIRST_SURROGATE ? at : at + SURROGATES));

/**
 * Any well-formed text, control characters included. The unit `binary` of fast-check makes a table
 * of all characters first, which costs a second in every file of tests.
 */
export function anyText(constraints: fc.ArrayConstraints = {}): fc.Arbitrary<string> {
  return fc
    .array(fc.oneof(ascii, character), constraints)
    .map((characters) => String.fromCodePoint(...characters));
}
