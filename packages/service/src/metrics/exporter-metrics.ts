import { Registry } from 'prom-client';
import { createInstruments } from './instruments.ts';
import type { Metrics } from './metrics.ts';
import { PageMaker } from './metrics-page.ts';
import { createProcessRegistry } from './process-registry.ts';

/** The metrics of a process that fetches nothing: those of the fleet, and of the process itself. */
export type ExporterMetrics = Pick<Metrics, 'exporter' | 'setFleet' | 'onCollect' | 'page'>;

export function createExporterMetrics(): ExporterMetrics {
  const registry = createProcessRegistry();
  const fleetRegistry = new Registry();
  // Those of a worker would say of this process that it could fetch.
  const instruments = createInstruments({ worker: new Registry(), fleet: fleetRegistry });
  const { exporter, collectErrors } = instruments;
  registry.registerMetric(exporter);
  registry.registerMetric(collectErrors);
  const maker = new PageMaker({ registry, fleetRegistry, instruments });
  return {
    exporter,
    setFleet: (fleet) => maker.setFleet(fleet),
    onCollect: (collect) => maker.onCollect(collect),
    page: async () => maker.page(),
  };
}
