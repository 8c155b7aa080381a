import type { Tracing, TracingOptions } from './span.ts';

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'];

/**
 * Opens tracing if the environment names an endpoint for it. Only then anything of OpenTelemetry is
 * loaded. Its own variables (`OTEL_*`) say everything else.
 *
 * @returns undefined if nothing is traced
 */
export async function openTracing(options: TracingOptions): Promise<Tracing | undefined> {
  const { env, onProblem } = options;
  const endpoint = ENDPOINTS.find((name) => (env[name] ?? '') !== '');
  if (
    endpoint === undefined ||
    env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' ||
    env['OTEL_TRACES_EXPORTER'] === 'none'
  ) {
    return undefined;
  }
  try {
    const { startSdk } = await import('./sdk.ts');
    return await startSdk({ ...options, endpoint });
  } catch (error) {
    const isMissing =
      error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
    onProblem(
      isMissing
        ? `${endpoint} is set, but nothing is traced: npm install @opentelemetry/sdk-node`
        : `${endpoint} is set, but nothing is traced: the SDK of OpenTelemetry does not start`,
    );
    return undefined;
  }
}
