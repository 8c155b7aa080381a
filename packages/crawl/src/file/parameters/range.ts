import type { ParameterSource } from '../../model/plan.ts';
import { MAX_TOTAL, sourceLength } from '../../values/source-length.ts';
import type { Field } from '../../yaml/field.ts';
import { readInteger } from '../../yaml/read-field.ts';

export const RANGE_KEYS = ['from', 'to', 'step', 'pad'] as const;

type Range = Extract<ParameterSource, { kind: 'range' }>;

const NUMBERS = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };
const MAX_PAD = 32;

/** Reads `{ from, to, step, pad }`. */
export function readRange(
  name: string,
  field: Field,
  at: (key: (typeof RANGE_KEYS)[number]) => Field | undefined,
): ParameterSource | undefined {
  if (at('from') === undefined || at('to') === undefined) {
    field.report('a range needs both from and to');
    return undefined;
  }
  const from = readInteger(at('from'), NUMBERS);
  const to = readInteger(at('to'), NUMBERS);
  const step = at('step') === undefined ? 1 : readInteger(at('step'), NUMBERS);
  const pad = at('pad') === undefined ? 1 : readInteger(at('pad'), { min: 1, max: MAX_PAD });
  if (from === undefined || to === undefined || step === undefined || pad === undefined) {
    return undefined;
  }
  const range: Range = {
    name,
    kind: 'range',
    from,
    to,
    // Writing a default out does not make another batch.
    ...(step !== 1 && { step }),
    ...(pad !== 1 && { pad }),
  };
  const problem = problemOf(range, step);
  if (problem !== undefined) {
    (at('step') ?? field).report(problem);
    return undefined;
  }
  return range;
}

function problemOf(range: Range, step: number): string | undefined {
  const { from, to } = range;
  if (step === 0) {
    return 'a step of 0 leads nowhere; allowed: a whole number such as 1, 100 or -1';
  }
  if (from > to && step > 0) {
    return (
      `the range is reversed: from (${from}) is greater than to (${to}); ` +
      'to count down, add a negative step: -1'
    );
  }
  if (from < to && step < 0) {
    return `a step of ${step} leads from ${from} away from ${to}; to count up, write ${-step}`;
  }
  // Beyond that, numbers in JavaScript have gaps.
  if (!Number.isSafeInteger(to - from)) {
    return `from and to are more than ${Number.MAX_SAFE_INTEGER} apart`;
  }
  const length = sourceLength(range) ?? 0;
  return length > MAX_TOTAL ? `the range has more than ${MAX_TOTAL} values` : undefined;
}
