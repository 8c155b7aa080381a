import { describe, expect, it } from '@jest/globals';
import { OriginLabels } from '../../src/metrics/origin-labels.ts';

describe('OriginLabels', () => {
  it('names the first origins, labels the others other, and never changes a label', () => {
    const labels = new OriginLabels(2);
    const asked = ['a', 'b', 'c', 'a', 'd', 'b'];
    expect(asked.map((origin) => labels.labelOf(origin))).toEqual([
      'a',
      'b',
      'other',
      'a',
      'other',
      'b',
    ]);
  });

  it('names none at a cap of 0 and 100 by default', () => {
    expect(new OriginLabels(0).labelOf('a')).toBe('other');
    const labels = new OriginLabels();
    const named = Array.from({ length: 150 }, (_, at) => labels.labelOf(`origin-${at}`));
    expect(new Set(named).size).toBe(101);
  });

  it.each([-1, 1.5, Number.NaN])('refuses a cap of %p', (cap) => {
    expect(() => new OriginLabels(cap)).toThrow(`got ${cap}`);
  });
});
