import {
  mentionsSecret,
  originOf,
  placeOf,
  problemOfNotifyUrl,
  resolveCredential,
  SecretError,
  secretUses,
} from '@fetchfleet/crawl';
import {
  type FetchNetwork,
  type NetworkAccess,
  type ResolvedNetwork,
  resolveNetwork,
} from '@fetchfleet/fetcher';
import type { Receiver } from '@fetchfleet/fleet';
import type { SecretSource } from '../batch/secrets.ts';
import type { ResolvedReceiver } from './message.ts';

/** A receiver that this worker can reach, with its secrets: never log or store it. */
export interface ReadyReceiver extends ResolvedReceiver {
  readonly origin: string;
  /** What no message may repeat. */
  readonly secrets: readonly string[];
  readonly network: FetchNetwork;
}

/**
 * - `lacking`: this worker cannot notify it, and another one may
 * - `refused`: no worker may
 */
export type Resolved =
  | { readonly kind: 'ready'; readonly receiver: ReadyReceiver }
  | { readonly kind: 'lacking'; readonly problem: string }
  | { readonly kind: 'refused'; readonly problem: string };

/** Reads the secrets of a receiver at the last moment. Problems name variables, never values. */
export function resolveReceiver(
  { url: text, secret: secretText, format, network }: Receiver,
  { env, rules }: SecretSource,
  access: NetworkAccess,
): Resolved {
  const secret = secretText === undefined ? {} : { secret: secretText };
  const uses = secretUses({ headers: {}, network, notify: [{ url: text, ...secret, on: [] }] });
  const lacking = uses.filter(
    (use) => rules.verdict(use.name, placeOf(use, undefined)) !== 'allowed' || !env[use.name],
  );
  if (lacking.length > 0) {
    return { kind: 'lacking', problem: describeLacking(lacking.map(({ name }) => name)) };
  }
  try {
    const url = resolveCredential(text, env);
    // A value may look like the name of another secret.
    const problem = mentionsSecret(url) ? 'it is no URL' : problemOfNotifyUrl(url, network);
    if (problem !== undefined) {
      // The problem of a URL that is a secret would quote it.
      const isPlain = url === text;
      return { kind: 'refused', problem: isPlain ? problem : 'its URL, a secret, is not allowed' };
    }
    const origin = originOf(url);
    const elsewhere = uses.filter(
      (use) => use.isAnywhere === true && rules.verdict(use.name, origin) !== 'allowed',
    );
    if (elsewhere.length > 0) {
      return { kind: 'lacking', problem: describeLacking(elsewhere.map(({ name }) => name)) };
    }
    const resolved: ResolvedNetwork = resolveNetwork(network, access, env);
    const [permission] = resolved.lackingPermissions;
    if (permission !== undefined) {
      return { kind: 'lacking', problem: permission.text };
    }
    const value = secretText === undefined ? undefined : resolveCredential(secretText, env);
    const secrets = uses.map(({ name }) => env[name] ?? '');
    return {
      kind: 'ready',
      receiver: { url, secret: value, format, origin, secrets, network: resolved.network },
    };
  } catch (error) {
    if (error instanceof SecretError) {
      return { kind: 'refused', problem: error.message };
    }
    throw error;
  }
}

function describeLacking(names: readonly string[]): string {
  const all = [...new Set(names)].join(', ');
  return (
    `this worker does not have ${all}, or may not send it there: set it where workers run, and ` +
    'allow it with --secrets (FETCHFLEET_SECRETS)'
  );
}
