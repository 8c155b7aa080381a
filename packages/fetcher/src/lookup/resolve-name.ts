import type { LookupAddress, promises as dns, RecordWithTtl } from 'node:dns';
import { setTimeout } from 'node:timers/promises';
import { toError } from '@fetchfleet/crawl';
import type { Hosts } from './hosts-file.ts';
import { LookupError } from './lookup-error.ts';
import { candidatesOf, type SearchRules } from './resolv-conf.ts';

/** What this machine knows of names. */
export interface NameSources {
  readonly hosts: Hosts;
  readonly rules: SearchRules;
  readonly dns: Pick<dns.Resolver, 'resolve4' | 'resolve6'>;
}

/** A name that was looked up. */
export interface ResolvedName {
  readonly found: LookupAddress[] | LookupError;
  /** How long DNS lets the addresses be kept. */
  readonly ttlMs: number;
  readonly isFromFile?: boolean;
}

/**
 * How much longer IPv6 may take than IPv4 (RFC 8305, section 3): some name servers never answer for
 * IPv6. IPv4 gets more time, because many machines have nothing else.
 */
const IPV6_DELAY_MS = 50;
const IPV4_DELAY_MS = 1_000;

/** The answer of DNS for one name and family. */
interface Answer {
  readonly addresses: readonly LookupAddress[];
  readonly ttlMs: number;
  /** Undefined if DNS has answered, even if it has no address. */
  readonly failure?: string;
}

/** Looks a name up in `/etc/hosts`, and in DNS if it is not there. Never rejects. */
export async function resolveName(name: string, sources: NameSources): Promise<ResolvedName> {
  const known = sources.hosts.get(name.replace(/\.$/, '')) ?? loopbackOf(name);
  if (known !== undefined) {
    return { found: alternate(known), ttlMs: 0, isFromFile: true };
  }
  for (const candidate of candidatesOf(name, sources.rules)) {
    const answer = await askBoth(candidate, sources.dns);
    if (answer.addresses.length > 0) {
      return { found: alternate(answer.addresses), ttlMs: answer.ttlMs };
    }
    if (answer.failure !== undefined) {
      // Not knowing whether this name exists, another name would perhaps be another host.
      return { found: LookupError.failed(name, answer.failure), ttlMs: 0 };
    }
  }
  return { found: LookupError.notFound(name), ttlMs: 0 };
}

/** Names of this machine that never go to DNS (RFC 6761). */
function loopbackOf(name: string): LookupAddress[] | undefined {
  if (!/(^|\.)localhost\.?$/.test(name)) {
    return undefined;
  }
  return [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ];
}

/** Asks for both families at once, and does not wait long for one when the other has answered. */
async function askBoth(name: string, dns: NameSources['dns']): Promise<Answer> {
  const v4 = ask(4, async () => dns.resolve4(name, { ttl: true }));
  const v6 = ask(6, async () => dns.resolve6(name, { ttl: true }));
  const over = new AbortController();
  const { signal } = over;
  try {
    const [found4, found6] = await Promise.all([
      unlessLate(v4, { other: v6, delayMs: IPV4_DELAY_MS, signal }),
      unlessLate(v6, { other: v4, delayMs: IPV6_DELAY_MS, signal }),
    ]);
    const failure = found4.failure ?? found6.failure;
    return {
      addresses: [...found6.addresses, ...found4.addresses],
      ttlMs: Math.min(found4.ttlMs, found6.ttlMs),
      ...(failure !== undefined && { failure }),
    };
  } finally {
    over.abort();
  }
}

interface Patience {
  readonly other: Promise<Answer>;
  /** How long the answer may take once the other one has addresses. */
  readonly delayMs: number;
  readonly signal: AbortSignal;
}

async function unlessLate(
  answer: Promise<Answer>,
  { other, delayMs, signal }: Patience,
): Promise<Answer> {
  const late = other.then(async ({ addresses }) =>
    addresses.length > 0 ? setTimeout(delayMs, LATE, { signal }).catch(() => LATE) : answer,
  );
  return Promise.race([answer, late]);
}

const NO_ANSWER: Answer = { addresses: [], ttlMs: Infinity };
/** Kept no longer than needed: the next lookup may have both families. */
const LATE: Answer = { addresses: [], ttlMs: 0 };

/** DNS has answered that there is no such name, or no such address of it. */
const NONE = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME']);

async function ask(family: 4 | 6, query: () => Promise<RecordWithTtl[]>): Promise<Answer> {
  try {
    const records = await query();
    return {
      addresses: records.map(({ address }) => ({ address, family })),
      ttlMs: Math.min(...records.map(({ ttl }) => ttl * 1_000)),
    };
  } catch (thrown) {
    const error: Error & { code?: string } = toError(thrown);
    const { code = '' } = error;
    return NONE.has(code)
      ? NO_ANSWER
      : { ...NO_ANSWER, failure: FAILURES[code] ?? `DNS said ${code}` };
  }
}

const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'no name server can be reached',
  ESERVFAIL: 'the name server has failed',
  ETIMEOUT: 'no name server has answered',
};

/** IPv6 first, then by turns (RFC 8305, section 4). */
export function alternate(addresses: readonly LookupAddress[]): LookupAddress[] {
  const v6 = addresses.filter(({ family }) => family === 6);
  const v4 = addresses.filter(({ family }) => family !== 6);
  const turns = Math.max(v6.length, v4.length);
  return Array.from({ length: turns }, (_, i) => [v6[i], v4[i]])
    .flat()
    .filter((address) => address !== undefined);
}
