export { CATALOGUE, type MetricSpec, type SliceResult } from './metrics/catalogue.ts';
export { closeServer } from './http/close-server.ts';
export type { CollectFunction } from './metrics/collectors.ts';
export type { FleetSeen } from './metrics/fleet-gauges.ts';
export { Heartbeat } from './process/heartbeat.ts';
export { type Health, HttpEndpoint, type HttpEndpointOptions } from './http/http-endpoint.ts';
export { type ListenAddress, listen } from './http/listen.ts';
export {
  LOG_LEVELS,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  createLogger,
} from './process/logger.ts';
export { maskCredentials } from './process/mask.ts';
export {
  type Metrics,
  type MetricsOptions,
  type SettledFetch,
  createMetrics,
} from './metrics/metrics.ts';
export { OriginLabels } from './metrics/origin-labels.ts';
export { type DescribeSetting, SettingsError, parseSettings } from './process/settings.ts';
export { type SignalHandlers, type SignalProcess, onSignals } from './process/signals.ts';
export { type Stoppable, stopAll } from './process/stop-all.ts';
