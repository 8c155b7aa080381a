export { CATALOGUE, type MetricSpec, type SliceResult } from './catalogue.ts';
export { closeServer } from './close-server.ts';
export type { CollectFunction } from './collectors.ts';
export type { FleetSeen } from './fleet-gauges.ts';
export { Heartbeat } from './heartbeat.ts';
export { type Health, HttpEndpoint, type HttpEndpointOptions } from './http-endpoint.ts';
export { type ListenAddress, listen } from './listen.ts';
export {
  LOG_LEVELS,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  createLogger,
} from './logger.ts';
export { maskCredentials } from './mask.ts';
export { type Metrics, type MetricsOptions, type SettledFetch, createMetrics } from './metrics.ts';
export { OriginLabels } from './origin-labels.ts';
export { type DescribeSetting, SettingsError, parseSettings } from './settings.ts';
export { type SignalHandlers, type SignalProcess, onSignals } from './signals.ts';
export { type Stoppable, stopAll } from './stop-all.ts';
export { toError } from './to-error.ts';
