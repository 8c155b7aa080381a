import { createFetcher, USER_AGENT } from '@fetchfleet/fetcher';
import type { WorkerSettings } from './config.ts';

/** The first takes 30 ms on an idle machine and 100 on a busy one, the second 3, the fifth 2. */
const REQUESTS = 5;

/**
 * Sends the first requests of the process to the worker's own `/healthz`, before it claims
 * anything: the first request compiles the code that all others run, which takes longer than a
 * start may be late. It does not matter if they fail.
 */
export async function warmUp(
  { transport, metricsHost }: Pick<WorkerSettings, 'transport' | 'metricsHost'>,
  metricsPort: number,
): Promise<void> {
  const fetcher = createFetcher({ transport, allowPrivate: true, userAgent: USER_AGENT });
  const url = `http://${ownHost(metricsHost)}:${metricsPort}/healthz`;
  const limits = { timeoutMs: 1_000, maxBodyBytes: 65_536, redirects: 0 };
  const network = { allowPrivate: true, allow: [] };
  for (let i = 0; i < REQUESTS; i++) {
    await fetcher.fetch({ url, headers: {}, limits, network });
  }
  await fetcher.stop();
}

/** The address under which the worker reaches its own server. */
function ownHost(host: string): string {
  if (host === '0.0.0.0') {
    return '127.0.0.1';
  }
  if (host === '::') {
    return '[::1]';
  }
  return host.includes(':') ? `[${host}]` : host;
}
