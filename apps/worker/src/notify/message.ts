import { createHmac } from 'node:crypto';
import { type OutboxEntry, statusDocument } from '@fetchfleet/fleet';

const SLACK_HOST = 'hooks.slack.com';
const TYPES = {
  finished: 'batch.finished',
  cancelled: 'batch.cancelled',
  failures: 'batch.failures',
  'failed-to-start': 'batch.failed_to_start',
} as const;

/** The prefix of a secret that is written in base64. */
const ENCODED_SECRET = /^whsec_([A-Za-z0-9+/]+={0,2})$/;

/** What one request carries. */
export interface Message {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A receiver as its secrets make it: never log or store it. */
export interface ResolvedReceiver {
  readonly url: string;
  readonly secret: string | undefined;
  readonly format: 'webhook' | 'slack' | undefined;
}

/**
 * The message of an entry, by Standard Webhooks: its id and body are the same for every attempt.
 *
 * @param nowMs when this attempt is made
 */
export function messageOf(entry: OutboxEntry, receiver: ResolvedReceiver, nowMs: number): Message {
  const isSlack =
    receiver.format === 'slack' ||
    (receiver.format === undefined && new URL(receiver.url).hostname === SLACK_HOST);
  const body = Buffer.from(JSON.stringify(isSlack ? { text: textOf(entry) } : documentOf(entry)));
  const timestamp = String(Math.floor(nowMs / 1_000));
  const { secret } = receiver;
  return {
    headers: {
      'content-type': 'application/json',
      'webhook-id': entry.id,
      'webhook-timestamp': timestamp,
      ...(secret !== undefined && {
        'webhook-signature': signatureOf({ id: entry.id, timestamp, body }, secret),
      }),
    },
    body,
  };
}

/** @param secret `whsec_` and base64, or any other text */
function signatureOf(
  message: { readonly id: string; readonly timestamp: string; readonly body: Buffer },
  secret: string,
): string {
  const [, base64] = ENCODED_SECRET.exec(secret) ?? [];
  const key = base64 === undefined ? Buffer.from(secret) : Buffer.from(base64, 'base64');
  const hmac = createHmac('sha256', key);
  hmac.update(`${message.id}.${message.timestamp}.`);
  hmac.update(message.body);
  return `v1,${hmac.digest('base64')}`;
}

/** The document of the batch as it was when it happened, and what has happened. */
function documentOf(entry: OutboxEntry) {
  const about = { type: TYPES[entry.event], timestamp: new Date(entry.at).toISOString() };
  if (entry.status !== undefined) {
    return { ...about, ...statusDocument(entry.status) };
  }
  return {
    ...about,
    batch: entry.batch,
    name: entry.name ?? '',
    state: 'failed-to-start',
    schedule: entry.schedule ?? null,
    reason: entry.reason ?? '',
  };
}

function textOf({ event, batch, status, schedule, reason }: OutboxEntry): string {
  if (status === undefined) {
    return escaped(`${batch} of schedule ${schedule ?? ''} could not be started: ${reason ?? ''}`);
  }
  const { ok, failed, settled, total } = status;
  const failures = failed === 0 ? '' : `, ${failed} failed`;
  if (event === 'finished') {
    return `${batch} finished: ${ok} of ${total} ok${failures}`;
  }
  return event === 'cancelled'
    ? `${batch} was cancelled: ${settled} of ${total} done${failures}`
    : `${batch} goes on: ${failed} of ${total} failed so far`;
}

/** As Slack asks for it. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
