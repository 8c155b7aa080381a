import {
  InvalidSliceError,
  MAX_SLICE,
  packSlice,
  parseSlice,
  unpackSlice,
} from '@fetchfleet/crawl';
import * as fc from 'fast-check';
import { type Json, jsonNear } from '../mutations.ts';
import { attempt, holds, type Target } from '../target.ts';

export const SLICE_EXAMPLES: readonly Json[] = [
  {
    batch: 'meant',
    origin: 'http://origin.example',
    ranges: [17, 3, 40, 1],
    columns: ['kenya', ['1', '2', '3', '4']],
    state: [[2, 1, 1_732_320_000_000, 0]],
    reasons: [{ outcome: 'timeout', code: 'FETCH_TIMEOUT', message: 'too late', positions: [2] }],
    ticket: 12,
  },
  { batch: 'meant', origin: 'https://origin.example:8443', ranges: [0, 2], columns: ['a', 'b'] },
];

export const slicesTarget: Target = {
  name: 'slices',
  title: 'jobs of the queue: a slice of 1 to 50 fetches, or an error',
  cpuMs: 1_000,
  open: async () => ({
    arbitrary: fc.tuple(
      jsonNear(SLICE_EXAMPLES, [50, 51, 'http://origin.example/', [0, 51], [[0, 1, 2, 3]]]),
      fc.constantFrom(undefined, 0, 2),
    ),
    check,
  }),
};

function check([value, paramCount]: [Json, number | undefined]): void {
  const parsed = attempt(() => parseSlice(value, paramCount), [InvalidSliceError]);
  if ('error' in parsed) {
    return;
  }
  const { batch, origin } = parsed.value;
  const fetches = unpackSlice(parsed.value);
  holds(fetches.length >= 1 && fetches.length <= MAX_SLICE, 'a slice has 1 to 50 fetches');
  fetches.forEach(({ index, values }, at) => {
    const previous = fetches[at - 1]?.index ?? -1;
    holds(Number.isSafeInteger(index) && index > previous, 'indexes ascend', index);
    holds(paramCount === undefined || values.length === paramCount, 'each parameter has a value');
  });
  const again = unpackSlice(parseSlice(packSlice(batch, origin, fetches), paramCount));
  holds(JSON.stringify(again) === JSON.stringify(fetches), 'packing loses nothing', fetches);
}
