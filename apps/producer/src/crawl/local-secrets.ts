import {
  compileTemplate,
  isHeaderValue,
  isReservedVariable,
  ownSecrets,
  type Plan,
  secretNames,
  SecretRules,
} from '@fetchfleet/crawl';
import type { RunSettings } from '../core/settings.ts';

/** A crawl whose secrets are to be sent from this machine. */
type SecretPlan = Pick<Plan, 'url' | 'params' | 'headers'>;

/**
 * What the workers of this machine may send for a crawl that its user has chosen: what `--secrets`
 * says, else what the crawl names.
 */
export function localSecrets(
  { secrets }: Pick<RunSettings, 'secrets'>,
  { headers, ...urls }: SecretPlan,
): SecretRules {
  return secrets ?? SecretRules.parse(ownSecrets(secretNames(headers), originOfUrls(urls)));
}

/** The variables that those workers would not send, each with a sentence that says why. */
export function refusedSecrets(
  settings: Pick<RunSettings, 'secrets'>,
  plan: SecretPlan,
): ReadonlyMap<string, string> {
  const rules = localSecrets(settings, plan);
  const origin = originOfUrls(plan);
  const refused = new Map<string, string>();
  for (const name of secretNames(plan.headers)) {
    const verdict = rules.verdict(name, origin);
    if (verdict === 'elsewhere-only') {
      const setting = '--secrets (FETCHFLEET_SECRETS)';
      refused.set(name, `${setting} binds ${name} to other origins than ${origin}`);
    } else if (verdict === 'refused') {
      const remedy = `to allow it, add --secrets ${name} (FETCHFLEET_SECRETS)`;
      refused.set(name, `${name} is not sent${whyNot(name)}; ${remedy}`);
    }
  }
  return refused;
}

/**
 * Why a request cannot be sent from here: a sentence for each variable that may not be sent, is not
 * set, or cannot stand in a header.
 */
export function secretProblems(
  settings: Pick<RunSettings, 'secrets'>,
  plan: SecretPlan,
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const refused = refusedSecrets(settings, plan);
  return secretNames(plan.headers).flatMap((name) => {
    const value = env[name] ?? '';
    const problem =
      value === ''
        ? `the variable ${name} is not set`
        : `the value of ${name} contains characters that are not allowed in an HTTP header`;
    const why = refused.get(name) ?? (value !== '' && isHeaderValue(value) ? undefined : problem);
    return why === undefined ? [] : [why];
  });
}

/** The origin of all URLs of a crawl, if they have one. */
export function originOfUrls({ url, params }: Pick<Plan, 'url' | 'params'>): string | undefined {
  return compileTemplate(url, params).constantOrigin;
}

function whyNot(name: string): string {
  return isReservedVariable(name) ? ' just because a crawl file names it' : '';
}
