import type { Crawl, NotifyTarget, Plan } from '@fetchfleet/crawl';

/** How a notification is sent, as an entry of the outbox holds it. Secrets are names. */
export interface Receiver extends Pick<NotifyTarget, 'url' | 'secret' | 'format'> {
  readonly network: Plan['network'];
  readonly politeness: Plan['politeness'];
}

/**
 * The receivers of a batch or a schedule as scripts read them: what each is told, how many failed
 * fetches are its share, and a text that goes into the outbox as it is. Lua's JSON would make an
 * object of an empty list.
 *
 * @returns undefined if nobody is told
 */
export function notifyField(
  { plan: { network, politeness }, notify = [] }: Crawl,
  total: number,
): string | undefined {
  if (notify.length === 0) {
    return undefined;
  }
  const receivers = notify.map(({ on, failures, ...target }) => ({
    on,
    ...(failures !== undefined && { failedAt: failedFetches(failures, total) }),
    to: JSON.stringify({ ...target, network, politeness } satisfies Receiver),
  }));
  return JSON.stringify(receivers);
}

/** A share of a small batch is one fetch at least. Floats: 0.07 × 100 is 7.000000000000001. */
function failedFetches(share: number, total: number): number {
  return Math.max(1, Math.ceil(Number((share * total).toFixed(6))));
}
