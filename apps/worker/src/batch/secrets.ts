import {
  compileRequest,
  type Plan,
  type RequestTemplate,
  namedSecrets,
  resolveCredential,
  resolveText,
  secretHeaders,
  type SecretRules,
  secretUses,
} from '@fetchfleet/crawl';
import { userAgentFor } from '@fetchfleet/fetcher';

/** The variables of this process, and which of them crawls may have. */
export interface SecretSource {
  /** Holds the values: never log or store it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly rules: SecretRules;
}

/** A variable that a batch needs and does not get here. */
export interface LackedSecret {
  readonly name: string;
  readonly why: 'not-set' | 'not-allowed' | 'bound-elsewhere';
}

/** The requests of a batch as this worker sends them. */
export interface ResolvedSecrets {
  /**
   * Its headers hold the values of secrets: never log or store them. It has none of the crawl if
   * any secret may not be sent at all.
   */
  readonly request: RequestTemplate;
  /** Names of the headers that hold a secret. */
  readonly secretHeaders: readonly string[];
  /** What the batch lacks for fetches of an origin: nothing is fetched while it lacks anything. */
  readonly lackingSecrets: (origin: string) => readonly LackedSecret[];
}

/** Those, and the values themselves for what else is made of them. */
interface SecretValues {
  readonly secretValues: Readonly<Record<string, string | undefined>>;
}

const NOTHING: readonly LackedSecret[] = [];

/** Reads only the variables that the rules allow. The others are as if they did not exist. */
export function resolveSecrets(
  plan: Plan,
  { env, rules }: SecretSource,
): ResolvedSecrets & SecretValues {
  const { headers, contact } = plan;
  const uses = secretUses(plan);
  const names = namedSecrets(plan);
  const allowed = names.filter((name) => rules.verdict(name) === 'allowed');
  const values = Object.fromEntries(allowed.map((name) => [name, env[name]]));
  const isComplete = names.every((name) => (values[name] ?? '') !== '');
  const lacked = (origin: string): readonly LackedSecret[] =>
    uses.flatMap(({ name, origin: at = origin }): LackedSecret[] => {
      const verdict = rules.verdict(name, at);
      if (verdict !== 'allowed') {
        return [{ name, why: verdict === 'refused' ? 'not-allowed' : 'bound-elsewhere' }];
      }
      return (env[name] ?? '') === '' ? [{ name, why: 'not-set' }] : [];
    });
  return {
    request: compileRequest(
      { ...plan, headers: isComplete ? headers : {} },
      {
        userAgent: userAgentFor(contact),
        resolve: (text) => resolveText(text, values),
        credential: (text) => resolveCredential(text, values),
      },
    ),
    secretHeaders:
      plan.auth === undefined
        ? secretHeaders(headers)
        : [...secretHeaders(headers), 'authorization'],
    lackingSecrets: names.length === 0 ? () => NOTHING : lacked,
    secretValues: isComplete ? values : {},
  };
}

/** One sentence, without values. */
export function describeLacked(lacked: readonly LackedSecret[], origin: string): string {
  const named = (why: LackedSecret['why']): string =>
    lacked.flatMap((one) => (one.why === why ? [one.name] : [])).join(', ');
  const [unset, refused, bound] = [
    named('not-set'),
    named('not-allowed'),
    named('bound-elsewhere'),
  ];
  const clauses = [
    ...(unset === '' ? [] : [`secrets are not set here: ${unset}`]),
    ...(refused === ''
      ? []
      : [
          `this worker may not send ${refused}: to allow it, add it to --secrets ` +
            '(FETCHFLEET_SECRETS)',
        ]),
    ...(bound === ''
      ? []
      : [`--secrets (FETCHFLEET_SECRETS) binds ${bound} to other origins than ${origin}`]),
  ];
  return clauses.join('; ');
}

/**
 * What answers must not bring into records and cursors: the values, and what is made of them. The
 * user of Basic is none: it is no secret, and may stand in any URL.
 */
export function valuesToHide(
  values: SecretValues['secretValues'],
  plan: Plan,
  request: RequestTemplate,
): readonly string[] {
  const { auth } = plan;
  const hidden =
    auth !== undefined && 'basic' in auth
      ? { ...plan, auth: { basic: { ...auth.basic, user: '' } } }
      : plan;
  const found = namedSecrets(hidden).flatMap((name) => values[name] ?? []);
  // That of oauth2 changes, and is no part of the request.
  const isMade = auth !== undefined && !('oauth2' in auth);
  return isMade ? [...found, request.headersOf([])['authorization'] ?? ''] : found;
}
