import { type Plan, secretNames, SecretRules, SecretRulesError } from '@fetchfleet/crawl';
import type { WorkerInfo } from '@fetchfleet/fleet';
import type { Terminal } from '../core/terminal.ts';
import { withTimeout } from '../core/timeouts.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import { originOfUrls } from './local-secrets.ts';

/** Warns before a batch is fetched by workers that cannot fetch it. */
export async function warnOfWorkers(
  { queue, workers }: FleetSession,
  plan: Plan | undefined,
  terminal: Terminal,
): Promise<void> {
  const [running, known] = await withTimeout(Promise.all([queue.workers(), workers.list()]));
  if (running === 0) {
    terminal.warn('no worker is running on this Redis: start fetchfleet-worker');
    return;
  }
  if (plan === undefined) {
    return;
  }
  const unsent = secretsOfNone(plan, known);
  if (unsent.length > 0) {
    terminal.warn(
      `no running worker may send ${unsent.join(', ')}: start workers with ` +
        `--secrets ${unsent.join(',')} (FETCHFLEET_SECRETS)`,
    );
  }
  if (isRefusedByAll(plan, known)) {
    terminal.warn(
      'the crawl file allows private addresses, and no running worker does: ' +
        'start workers with --allow-private (FETCHFLEET_ALLOW_PRIVATE=true)',
    );
  }
}

/**
 * The variables of a crawl that no single running worker may send, as far as all of them tell: one
 * of version 0.1 does not.
 */
export function secretsOfNone(
  plan: Pick<Plan, 'url' | 'params' | 'headers'>,
  workers: readonly Pick<WorkerInfo, 'state' | 'secrets'>[],
): readonly string[] {
  const names = secretNames(plan.headers);
  const running = workers.filter(({ state }) => state !== 'gone');
  if (names.length === 0 || running.length === 0) {
    return [];
  }
  const origin = originOfUrls(plan);
  const refused = running.map(({ secrets }) => {
    const rules = secrets === undefined ? undefined : readRules(secrets);
    return rules === undefined
      ? []
      : names.filter((name) => rules.verdict(name, origin) !== 'allowed');
  });
  // Every fetch needs all of them, so the worker that lacks the fewest says what is missing.
  return refused.toSorted((a, b) => a.length - b.length)[0] ?? [];
}

/** Undefined for what this version cannot read. */
function readRules(entries: readonly string[]): SecretRules | undefined {
  try {
    return SecretRules.parse(entries.join(','));
  } catch (error) {
    if (error instanceof SecretRulesError) {
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
