import {
  type Crawl,
  MAX_NOTIFY_TARGETS,
  problemOfNotifyUrl,
  type SecretPlan,
  targetOfUrl,
} from '@fetchfleet/crawl';
import { Problems } from '../core/errors.ts';
import type { FleetSession } from '../session/fleet-session.ts';

export interface NotifyFlags {
  /** URLs of receivers, besides those of the crawl file. */
  readonly notify?: readonly string[];
}

/** The crawl with the receivers of `--notify` as well. */
export function withNotify(crawl: Crawl, { notify }: NotifyFlags, problems: Problems): Crawl {
  if (notify === undefined) {
    return crawl;
  }
  for (const url of notify) {
    const problem = problemOfNotifyUrl(url, crawl.plan.network);
    if (problem !== undefined) {
      problems.add(`--notify: ${problem}`);
    }
  }
  const known = crawl.notify ?? [];
  const added = [...new Set(notify)]
    .filter((url) => !known.some((target) => target.url === url))
    .map((url) => targetOfUrl(url));
  if (known.length + added.length > MAX_NOTIFY_TARGETS) {
    problems.add(`--notify: at most ${MAX_NOTIFY_TARGETS} receivers are allowed`);
  }
  return { ...crawl, notify: [...known, ...added] };
}

/** What names secrets in a crawl: its requests, and who is told. */
export function secretPlanOf<Known extends Crawl['plan']>(crawl: {
  readonly plan: Known;
  readonly notify?: Crawl['notify'];
}): Known & SecretPlan {
  const { plan, notify } = crawl;
  return notify === undefined ? plan : { ...plan, notify };
}

/**
 * Adds the receivers of `--notify` to those of an unfinished batch that goes on as it was started.
 *
 * @throws CommandError (exit 2) if that batch cannot have them; nothing has changed then
 */
export async function addReceivers(
  session: Pick<FleetSession, 'ledger'>,
  status: { readonly batch: string; readonly total: number },
  flags: NotifyFlags,
): Promise<void> {
  const stored = flags.notify === undefined ? undefined : await session.ledger.crawl(status.batch);
  if (stored === undefined) {
    return;
  }
  const problems = new Problems();
  const told = withNotify(stored, flags, problems);
  problems.throwIfAny('nothing was enqueued');
  await applyNotify(session, status, told);
}

/** Lets the receivers of a crawl hold for an unfinished batch that goes on. */
export async function applyNotify(
  { ledger }: Pick<FleetSession, 'ledger'>,
  { batch, total }: { readonly batch: string; readonly total: number },
  { notify }: Pick<Crawl, 'notify'>,
): Promise<void> {
  const stored = await ledger.crawl(batch);
  if (stored === undefined || JSON.stringify(stored.notify) === JSON.stringify(notify)) {
    return;
  }
  const { notify: _, ...rest } = stored;
  const changed = notify === undefined ? rest : { ...rest, notify };
  await ledger.replaceReceivers(batch, total, changed);
}
