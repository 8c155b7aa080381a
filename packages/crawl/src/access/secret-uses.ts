import type { Crawl, Plan } from '../model/plan.ts';
import { notifyOrigin } from './notify-url.ts';
import { secretNames } from './secrets.ts';
import { originOf } from '../model/url.ts';
import { isProxyProblem, parseProxy } from './proxy-address.ts';

/** A variable that a crawl names, and where its value goes. */
export interface SecretUse {
  readonly name: string;
  /** @default the origins of the crawl's own URLs */
  readonly origin?: string;
  /** It is, or belongs to, a URL that only its value tells. @default false */
  readonly isAnywhere?: true;
}

export type SecretPlan = Pick<Plan, 'headers'> &
  Partial<Pick<Plan, 'auth' | 'network'>> &
  // Fetches do not wait for what only notifications need.
  Pick<Crawl, 'notify'>;

/** Every secret of a crawl, each once for each place that it goes to. */
export function secretUses({ headers, auth, network, notify = [] }: SecretPlan): SecretUse[] {
  const texts: (readonly [text: string, origin: string | undefined])[] = Object.values(headers).map(
    (text) => [text, undefined],
  );
  if (auth !== undefined && 'basic' in auth) {
    texts.push([auth.basic.user, undefined], [auth.basic.password, undefined]);
  } else if (auth !== undefined && 'bearer' in auth) {
    texts.push([auth.bearer, undefined]);
  } else if (auth !== undefined) {
    const { tokenUrl, clientId, clientSecret } = auth.oauth2;
    texts.push([clientId, originOf(tokenUrl)], [clientSecret, originOf(tokenUrl)]);
  }
  for (const text of typeof network?.proxy === 'object' ? network.proxy : []) {
    const proxy = parseProxy(text);
    if (!isProxyProblem(proxy)) {
      texts.push([proxy.user, proxy.origin], [proxy.password ?? '', proxy.origin]);
    }
  }
  const uses: SecretUse[] = texts.flatMap(([text, origin]) =>
    secretNames({ text }).map((name) => ({ name, ...(origin !== undefined && { origin }) })),
  );
  for (const { url, secret = '' } of notify) {
    const origin = notifyOrigin(url);
    const place = origin === undefined ? { isAnywhere: true as const } : { origin };
    uses.push(...secretNames({ url, secret }).map((name) => ({ name, ...place })));
  }
  return [...new Map(uses.map((use) => [JSON.stringify(use), use])).values()];
}

/** The variables of a crawl, each once. */
export function namedSecrets(plan: SecretPlan): string[] {
  return [...new Set(secretUses(plan).map(({ name }) => name))];
}

/** Where the value of a variable goes; undefined if that is not known. */
export function placeOf(
  { origin, isAnywhere }: SecretUse,
  ownOrigin: string | undefined,
): string | undefined {
  return isAnywhere === true ? undefined : (origin ?? ownOrigin);
}
