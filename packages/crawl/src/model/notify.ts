/** What a receiver can be told of a batch. */
export const NOTIFY_EVENTS = ['finished', 'cancelled', 'failed-to-start', 'failures'] as const;
export type NotifyEvent = (typeof NOTIFY_EVENTS)[number];

/** Somebody who is told by HTTP what happens to the batches of a crawl. */
export interface NotifyTarget {
  /** http or https. Secrets in it are names: `${env:NAME}`. */
  readonly url: string;
  /** What requests are signed with: the name of a secret. @default they are not signed */
  readonly secret?: string;
  readonly on: readonly NotifyEvent[];
  /**
   * The share of all fetches that have failed at which `failures` is told: more than 0, up to 1.
   */
  readonly failures?: number;
  /** @default webhook, or what the URL is known to expect */
  readonly format?: 'webhook' | 'slack';
}

export const MAX_NOTIFY_TARGETS = 10;

/** What a receiver is told that does not say it. */
export const DEFAULT_NOTIFY_EVENTS: readonly NotifyEvent[] = [
  'finished',
  'cancelled',
  'failed-to-start',
];

/** A receiver that is only a URL. */
export function targetOfUrl(url: string): NotifyTarget {
  return { url, on: DEFAULT_NOTIFY_EVENTS };
}
