import { describe, expect, it } from '@jest/globals';
import { CATALOGUE, type MetricSpec } from '../../src/metrics/catalogue.ts';

const SPECS: readonly MetricSpec[] = Object.values(CATALOGUE);
const specsOf = (type: MetricSpec['type']): readonly MetricSpec[] =>
  SPECS.filter((spec) => spec.type === type);

describe('the catalogue of metrics', () => {
  it.each(SPECS)(
    '$name has a plain name, a sentence of help and plain labels',
    ({ name, help, labels }) => {
      expect(name).toMatch(/^fetchfleet_[a-z]+(_[a-z]+)*$/);
      expect(help).toMatch(/^[A-Z].+\.$/);
      for (const label of labels) {
        expect(label).toMatch(/^(?!le$|quantile$)[a-z]+$/);
      }
    },
  );

  it.each(specsOf('counter'))('$name, a counter, ends in _total', ({ name }) => {
    expect(name).toMatch(/_total$/);
  });

  it.each(specsOf('gauge'))('$name, a gauge, does not end in _total', ({ name }) => {
    expect(name).not.toMatch(/_(total|count|sum|bucket)$/);
  });

  it.each(specsOf('histogram'))(
    '$name, a histogram, has a base unit and rising buckets',
    (spec) => {
      expect(spec.name).toMatch(/_(seconds|bytes)$/);
      const { buckets = [] } = spec;
      expect(buckets.length).toBeGreaterThan(5);
      expect(buckets.toSorted((left, right) => left - right)).toEqual(buckets);
    },
  );

  it('uses every name once', () => {
    expect(new Set(SPECS.map(({ name }) => name)).size).toBe(SPECS.length);
  });
});
