import {
  placeOf,
  type Plan,
  proxyHosts,
  ProxyRules,
  ProxyRulesError,
  type SecretPlan,
  SecretRules,
  SecretRulesError,
  secretUses,
} from '@fetchfleet/crawl';
import type { WorkerInfo } from '@fetchfleet/fleet';
import type { Terminal } from '../core/terminal.ts';
import { withTimeout } from '../core/timeouts.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import { originOfUrls } from './local-secrets.ts';

/** Warns before a batch is fetched by workers that cannot fetch it. */
export async function warnOfWorkers(
  session: FleetSession,
  plan: (Plan & SecretPlan) | undefined,
  terminal: Terminal,
): Promise<void> {
  for (const problem of await problemsOfWorkers(session, plan)) {
    terminal.warn(problem);
  }
}

/** A sentence for each reason why the workers of the fleet cannot fetch a crawl. */
export async function problemsOfWorkers(
  { queue, workers }: FleetSession,
  plan: (Plan & SecretPlan) | undefined,
): Promise<string[]> {
  const [running, known] = await withTimeout(Promise.all([queue.workers(), workers.list()]));
  if (running === 0) {
    return ['no worker is running on this Redis: start fetchfleet-worker'];
  }
  if (plan === undefined) {
    return [];
  }
  const unsent = secretsOfNone(plan, known);
  return [
    ...(unsent.length > 0
      ? [
          `no running worker may send ${unsent.join(', ')}: start workers with ` +
            `--secrets ${unsent.join(',')} (FETCHFLEET_SECRETS)`,
        ]
      : []),
    ...permissionsOfNone(plan, known).map(
      (flag) => `no running worker allows what the crawl file needs: start workers with ${flag}`,
    ),
    ...(isRefusedByAll(plan, known)
      ? [
          'the crawl file allows private addresses, and no running worker does: ' +
            'start workers with --allow-private (FETCHFLEET_ALLOW_PRIVATE=true)',
        ]
      : []),
  ];
}

/**
 * The variables of a crawl that no single running worker may send, as far as all of them tell: one
 * of version 0.1 does not.
 */
export function secretsOfNone(
  plan: Pick<Plan, 'url' | 'params'> & SecretPlan,
  workers: readonly Pick<WorkerInfo, 'state' | 'secrets'>[],
): readonly string[] {
  const uses = secretUses(plan);
  const running = workers.filter(({ state }) => state !== 'gone');
  if (uses.length === 0 || running.length === 0) {
    return [];
  }
  const origin = originOfUrls(plan);
  const refused = running.map(({ secrets }) => {
    const rules =
      secrets === undefined
        ? undefined
        : readRules(secrets, (text) => SecretRules.parse(text), SecretRulesError);
    return rules === undefined
      ? []
      : uses.flatMap((use) =>
          rules.verdict(use.name, placeOf(use, origin)) === 'allowed' ? [] : [use.name],
        );
  });
  // Every fetch needs all of them, so the worker that lacks the fewest says what is missing.
  return [...new Set(refused.toSorted((a, b) => a.length - b.length)[0])];
}

/**
 * The flags that a crawl needs of a worker for its proxies and certificates, and that no single
 * running worker has, as far as all of them tell.
 */
export function permissionsOfNone(
  { network }: Pick<Plan, 'network'>,
  workers: readonly Pick<WorkerInfo, 'state' | 'allowProxy' | 'allowInsecureTls'>[],
): readonly string[] {
  const running = workers.filter(({ state }) => state !== 'gone');
  const lacking = running.map(({ allowProxy, allowInsecureTls }) => [
    ...(network.tls?.insecure === true && allowInsecureTls === false
      ? ['--allow-insecure-tls (FETCHFLEET_ALLOW_INSECURE_TLS=true)']
      : []),
    ...refusedProxies(network.proxy, allowProxy),
  ]);
  return lacking.toSorted((a, b) => a.join('').length - b.join('').length)[0] ?? [];
}

function refusedProxies(
  proxy: Plan['network']['proxy'],
  entries: readonly string[] | undefined,
): string[] {
  const rules =
    entries === undefined
      ? undefined
      : readRules(entries, (text) => ProxyRules.parse(text), ProxyRulesError);
  if (proxy === undefined || rules === undefined) {
    return [];
  }
  const hosts =
    proxy === 'env'
      ? [proxy].filter(() => !rules.allowsEnvironment)
      : proxyHosts(proxy).filter((host) => rules.verdict(host) === 'refused');
  return hosts.length === 0 ? [] : [`--allow-proxy ${hosts.join(',')} (FETCHFLEET_ALLOW_PROXY)`];
}

/** Undefined for what this version cannot read. */
function readRules<T>(
  entries: readonly string[],
  parse: (text: string) => T,
  OwnError: typeof SecretRulesError | typeof ProxyRulesError,
): T | undefined {
  try {
    return parse(entries.join(','));
  } catch (error) {
    if (error instanceof OwnError) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Whether every running worker refuses the addresses that the crawl allows. A worker of version 0.1
 * does not tell: it may allow them.
 */
export function isRefusedByAll(
  { network }: Pick<Plan, 'network'>,
  workers: readonly Pick<WorkerInfo, 'state' | 'allowPrivate'>[],
): boolean {
  const needsPrivate = network.allowPrivate || network.allow.length > 0;
  const running = workers.filter(({ state }) => state !== 'gone');
  return (
    needsPrivate &&
    running.length > 0 &&
    running.every(({ allowPrivate }) => allowPrivate === false)
  );
}
