import {
  compileTemplate,
  isReservedVariable,
  namedSecrets,
  placeOf,
  ownSecrets,
  resolveCredential,
  resolveText,
  SecretError,
  secretNames,
  type Plan,
  type SecretPlan,
  SecretRules,
  secretUses,
} from '@fetchfleet/crawl';
import type { RunSettings } from '../core/settings.ts';

/** A crawl whose secrets are to be sent from this machine. */
type LocalPlan = Pick<Plan, 'url' | 'params'> & SecretPlan;

/**
 * What the workers of this machine may send for a crawl that its user has chosen: what `--secrets`
 * says, else what the crawl names.
 */
export function localSecrets(
  { secrets }: Pick<RunSettings, 'secrets'>,
  plan: LocalPlan,
): SecretRules {
  return secrets ?? SecretRules.parse(ownSecrets(secretUses(plan), originOfUrls(plan)));
}

/** The variables that those workers would not send, each with a sentence that says why. */
function refusedSecrets(
  settings: Pick<RunSettings, 'secrets'>,
  plan: LocalPlan,
): ReadonlyMap<string, string> {
  const rules = localSecrets(settings, plan);
  const origin = originOfUrls(plan);
  const refused = new Map<string, string>();
  for (const use of secretUses(plan)) {
    const { name } = use;
    const at = placeOf(use, origin);
    const verdict = rules.verdict(name, at);
    if (verdict === 'elsewhere-only') {
      const setting = '--secrets (FETCHFLEET_SECRETS)';
      refused.set(name, `${setting} binds ${name} to other origins than ${at}`);
    } else if (verdict === 'refused') {
      const remedy = `to allow it, add --secrets ${name} (FETCHFLEET_SECRETS)`;
      refused.set(name, `${name} is not sent${whyNot(name)}; ${remedy}`);
    }
  }
  return refused;
}

/**
 * Why a request cannot be sent from here: a sentence for each variable that may not be sent, is not
 * set, or has a value that cannot be sent where the crawl names it.
 *
 * @param settings undefined if they are wrong, so that nobody knows what may be sent
 */
export function secretProblems(
  settings: Pick<RunSettings, 'secrets'> | undefined,
  plan: LocalPlan,
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const refused = settings === undefined ? undefined : refusedSecrets(settings, plan);
  return namedSecrets(plan).flatMap((name) => {
    const why =
      refused?.get(name) ??
      (env[name] ? problemOfValue(name, plan, env) : `the variable ${name} is not set`);
    return why === undefined ? [] : [why];
  });
}

/** As workers read it: a user or a password is encoded, and may hold any characters. */
function problemOfValue(
  name: string,
  { headers, auth }: SecretPlan,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const bearer = auth !== undefined && 'bearer' in auth ? auth.bearer : '';
  const isPlain = [...secretNames(headers), ...secretNames({ bearer })].includes(name);
  try {
    (isPlain ? resolveText : resolveCredential)(`\${env:${name}}`, env);
    return undefined;
  } catch (error) {
    if (error instanceof SecretError) {
      return error.message;
    }
    throw error;
  }
}

/** The origin of all URLs of a crawl, if they have one. */
export function originOfUrls({ url, params }: Pick<Plan, 'url' | 'params'>): string | undefined {
  return compileTemplate(url, params).constantOrigin;
}

function whyNot(name: string): string {
  return isReservedVariable(name) ? ' just because a crawl file names it' : '';
}
