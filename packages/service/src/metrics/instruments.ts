import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { CATALOGUE, type MetricKey, type MetricSpec } from './catalogue.ts';

type LabelsOf<K extends MetricKey> = (typeof CATALOGUE)[K]['labels'][number];

type InstrumentOf<K extends MetricKey> = (typeof CATALOGUE)[K]['type'] extends 'counter'
  ? Counter<LabelsOf<K>>
  : (typeof CATALOGUE)[K]['type'] extends 'gauge'
    ? Gauge<LabelsOf<K>>
    : Histogram<LabelsOf<K>>;

/** One prom-client metric for every entry of the catalogue, under the same key. */
export type Instruments = { readonly [K in MetricKey]: InstrumentOf<K> };

/** Creates every metric of the catalogue in the registry of its scope. */
export function createInstruments(
  registries: Readonly<Record<MetricSpec['scope'], Registry>>,
): Instruments {
  const made = Object.entries(CATALOGUE).map(([key, spec]) => [
    key,
    createOne(spec, registries[spec.scope]),
  ]);
  // The result has the keys of the catalogue, which `fromEntries` cannot express.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(made) as Instruments;
}

function createOne(spec: MetricSpec, registry: Registry): Counter | Gauge | Histogram {
  const { name, help, type } = spec;
  const options = { name, help, labelNames: [...spec.labels], registers: [registry] };
  if (type === 'counter') {
    return new Counter(options);
  }
  if (type === 'gauge') {
    return new Gauge(options);
  }
  return new Histogram({ ...options, buckets: [...(spec.buckets ?? [])] });
}
