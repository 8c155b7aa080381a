import {
  compileTemplate,
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

/** One sentence for each variable that those workers would not send. */
export function problemsOfSecrets(
  settings: Pick<RunSettings, 'secrets'>,
  plan: SecretPlan,
): readonly string[] {
  const rules = localSecrets(settings, plan);
  const origin = originOfUrls(plan);
  return secretNames(plan.headers).flatMap((name) => {
    const verdict = rules.verdict(name, origin);
    if (verdict === 'allowed') {
      return [];
    }
    return verdict === 'elsewhere-only'
      ? `--secrets (FETCHFLEET_SECRETS) binds ${name} to other origins than ${origin}`
      : `${name} is not sent${whyNot(name)}; to allow it, add --secrets ${name} (FETCHFLEET_SECRETS)`;
  });
}

/** The origin of all URLs of a crawl, if they have one. */
export function originOfUrls({ url, params }: Pick<Plan, 'url' | 'params'>): string | undefined {
  return compileTemplate(url, params).constantOrigin;
}

function whyNot(name: string): string {
  return isReservedVariable(name) ? ' just because a crawl file names it' : '';
}
