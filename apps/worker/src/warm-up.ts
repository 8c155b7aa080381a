import { createFetcher, USER_AGENT } from '@fetchfleet/fetcher';
import type { WorkerSettings } from './config.ts';

/** The first takes 30 ms on an idle machine and 100 on a busy one, the second 3, the fifth 2. */
const REQUESTS = 5;

/**
 * The first request of a process compiles what all the others run, for longer than a start may be late. So the first few go to the worker
 * itself, before it claims anything. It changes nothing if they fail.
 */
export async function warmUp(
  { transport, metricsHost }: WorkerSettings,
  metricsPort: number,
): Promise<void> {
  const fetcher = createFetcher({ transport, allowPrivate: true, userAgent: USER_AGENT });
  const url = `http://${ownHost(metricsHost)}:${metricsPort}/healthz`;
  const limits = { timeoutMs: 1_000, maxBodyBytes: 65_536, redirects: 0 };
  const network = { allowPrivate: true, allow: [] };
  for (let i = 0; i < REQUESTS; i++) await fetcher.fetch({ url, headers: {}, limits, network });
  await fetcher.stop();
}

/** Where the worker reaches what it listens on. */
function ownHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
