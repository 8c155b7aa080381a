export { Beat, type Every } from './process/beat.ts';
export { CATALOGUE, type MetricSpec, type SliceResult } from './metrics/catalogue.ts';
export { closeServer } from './http/close-server.ts';
export type { CollectFunction } from './metrics/collectors.ts';
export { createExporterMetrics, type ExporterMetrics } from './metrics/exporter-metrics.ts';
export type { FleetState } from './metrics/fleet-gauges.ts';
export { FleetMetrics } from './metrics/fleet-metrics.ts';
export { currentFolder } from './process/current-folder.ts';
export { isPrettyLog, LOG_SETTINGS, REDIS_SETTINGS } from './process/common-settings.ts';
export {
  type DescriptorPlan,
  descriptorShortage,
  planDescriptors,
  readDescriptorLimit,
} from './machine/descriptors.ts';
export { diskOf } from './machine/disk.ts';
export { type ProcessLimits, readProcessLimits } from './machine/process-limits.ts';
export { redirectConsole } from './process/console-to-log.ts';
export { Heartbeat } from './process/heartbeat.ts';
export { type Health, HttpEndpoint, type HttpEndpointOptions } from './http/http-endpoint.ts';
export { type ListenAddress, listen } from './http/listen.ts';
export {
  LOG_LEVELS,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  createLogger,
  loadPrettyPrinter,
} from './process/logger.ts';
export { maskCredentials } from './process/mask.ts';
export {
  type Metrics,
  type MetricsOptions,
  type SettledFetch,
  createMetrics,
} from './metrics/metrics.ts';
export { onParentEnd } from './process/parent.ts';
export { type Part, startAll, stopAll } from './process/parts.ts';
export { type RepeatedLine, RepeatLog } from './process/repeat-log.ts';
export { type DescribeSetting, SettingsError, parseSettings } from './process/settings.ts';
export {
  booleanSetting,
  durationMs,
  fetchSchemas,
  readSettingsTable,
  rulesSetting,
  type Setting,
  settingHelp,
  sizeInBytes,
  type SettingsOf,
  type SettingsSources,
  type SettingsTable,
  wholeNumber,
} from './process/settings-table.ts';
export { type SignalHandlers, type SignalProcess, onSignals } from './process/signals.ts';
export { type TimeoutOptions, withTimeout } from './process/with-timeout.ts';
export {
  batchAttributes,
  type BatchTrace,
  parseBatchTrace,
  traceExpansion,
  traceFinishedBatch,
} from './tracing/fleet-spans.ts';
export { openTracing } from './tracing/open-tracing.ts';
export {
  type Attributes,
  type Span,
  type SpanOptions,
  traceIdsOf,
  type Tracing,
} from './tracing/span.ts';
