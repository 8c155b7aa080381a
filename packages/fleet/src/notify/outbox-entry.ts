import { NOTIFY_EVENTS, isBatchId, NAME_PATTERN, notifyOrigin } from '@fetchfleet/crawl';
import { z } from 'zod';
import { type BatchStatus, statusFromFields } from '../ledger/batch-status.ts';
import type { Receiver } from '../ledger/notify-field.ts';
import { parseReceiver } from '../ledger/stored-crawl.ts';
import { instantMs } from '../redis/stored-state.ts';

/** An entry as scripts write it; the last three are added by workers. */
const storedEntry = z.object({
  id: z.string().regex(/^msg_[0-9a-f]{40}$/),
  event: z.enum(NOTIFY_EVENTS),
  batch: z.string().refine((id) => id === '' || isBatchId(id)),
  at: instantMs,
  to: z.string(),
  fields: z.array(z.string()).optional(),
  name: z.string().regex(NAME_PATTERN).optional(),
  schedule: z.string().regex(NAME_PATTERN).optional(),
  reason: z.string().optional(),
  seed: z.string().optional(),
  attempts: z.number().int().nonnegative().default(0),
  lastProblem: z.string().optional(),
});

type StoredEntry = z.infer<typeof storedEntry>;

/** A notification that waits to be delivered. */
export interface OutboxEntry {
  /** Its key in the outbox. */
  readonly key: string;
  /** The index of the shard whose outbox has it. */
  readonly shard: number;
  /** The same for every attempt. */
  readonly id: string;
  readonly event: StoredEntry['event'];
  readonly batch: string;
  /** When it happened, in epoch milliseconds by the clock of Redis. */
  readonly at: number;
  readonly receiver: Receiver;
  /** The batch as it was then; undefined for one that could not be started. */
  readonly status: BatchStatus | undefined;
  /** For one that could not be started: the name of the crawl. */
  readonly name: string | undefined;
  readonly schedule: string | undefined;
  readonly reason: string | undefined;
  readonly attempts: number;
  /** Why the last attempt has failed. */
  readonly lastProblem: string | undefined;
}

/** @throws ZodError, SyntaxError or StoredStateError if no fleet has written it */
export function parseEntry(key: string, json: string, shard: number): OutboxEntry {
  const { fields, to, seed: _, ...entry } = storedEntry.parse(JSON.parse(json));
  return {
    key,
    shard,
    ...entry,
    receiver: parseReceiver(to),
    status: fields === undefined ? undefined : statusOf(entry.batch, fields, entry.at),
    name: entry.name,
    schedule: entry.schedule,
    reason: entry.reason,
    lastProblem: entry.lastProblem,
  };
}

/** The same entry after another attempt. */
export function withProblem(json: string, attempts: number, lastProblem: string): string {
  return JSON.stringify({ ...storedEntry.parse(JSON.parse(json)), attempts, lastProblem });
}

/** Where it goes, for messages: the path of a URL may be a secret. */
export function placeOfReceiver({ url }: Pick<Receiver, 'url'>): string {
  return notifyOrigin(url) ?? url;
}

function statusOf(batch: string, fields: readonly string[], nowMs: number): BatchStatus {
  const pairs = fields.flatMap((name, at) =>
    at % 2 === 0 ? [[name, fields[at + 1] ?? ''] as const] : [],
  );
  return statusFromFields(batch, new Map(pairs), { nowMs, missingSecrets: [] });
}
