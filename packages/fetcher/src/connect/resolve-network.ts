import { isProxyProblem, type Network, parseProxy, type ProxyRules } from '@fetchfleet/crawl';
import type { FetchNetwork, Proxy, ProxyRoutes } from './proxy.ts';
import { proxyOf, ProxySettingError, routesOfEnvironment } from './proxy-settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** How the fetches of a process may connect. */
export interface NetworkAccess {
  readonly allowProxy: ProxyRules;
  readonly allowInsecureTls: boolean;
  readonly env: Environment;
}

/** Something that a crawl needs, and that this process was not started with. */
export interface LackedPermission {
  /** As it would be typed: `--allow-proxy proxy.example:3128`. */
  readonly flag: string;
  /** One sentence. */
  readonly text: string;
}

export interface ResolvedNetwork {
  /** Its proxies hold the values of secrets: never log or store it. */
  readonly network: FetchNetwork;
  /** Nothing is fetched while the process lacks anything. */
  readonly lackingPermissions: readonly LackedPermission[];
}

/**
 * What a crawl asks for, as far as this process allows it.
 *
 * @param values of the secrets that it may send
 */
export function resolveNetwork(
  { proxy, tls, ...policy }: Network,
  access: NetworkAccess,
  values: Environment,
): ResolvedNetwork {
  const lacking: LackedPermission[] = [];
  const routes = proxy === undefined ? undefined : routesOf(proxy, access, { values, lacking });
  if (tls?.insecure === true && !access.allowInsecureTls) {
    lacking.push({
      flag: '--allow-insecure-tls',
      text:
        'this worker checks certificates: to let crawls switch that off, start it with ' +
        '--allow-insecure-tls (FETCHFLEET_ALLOW_INSECURE_TLS=true)',
    });
  }
  const network = {
    ...policy,
    ...(routes !== undefined && { routes }),
    ...(tls !== undefined && { trust: tls }),
  };
  return { network, lackingPermissions: lacking };
}

interface Routing {
  readonly values: Environment;
  readonly lacking: LackedPermission[];
}

function routesOf(
  proxy: NonNullable<Network['proxy']>,
  access: NetworkAccess,
  { values, lacking }: Routing,
): ProxyRoutes | undefined {
  if (proxy !== 'env') {
    const proxies = proxy.flatMap((text) => allowedProxy(text, access, { values, lacking }));
    return { http: proxies, https: proxies, bypass: [] };
  }
  if (!access.allowProxy.allowsEnvironment) {
    lacking.push({
      flag: '--allow-proxy env',
      text:
        'this worker may not use the proxies of its environment: to allow it, add env to ' +
        '--allow-proxy (FETCHFLEET_ALLOW_PROXY)',
    });
    return undefined;
  }
  try {
    return routesOfEnvironment(access.env);
  } catch (error) {
    if (!(error instanceof ProxySettingError)) {
      throw error;
    }
    lacking.push({ flag: '--allow-proxy env', text: error.message });
    return undefined;
  }
}

function allowedProxy(
  text: string,
  { allowProxy }: NetworkAccess,
  { values, lacking }: Routing,
): Proxy[] {
  const read = parseProxy(text);
  if (isProxyProblem(read)) {
    // It was found when the plan was read. Going without a proxy would be worse than an error.
    throw new Error('a proxy of the plan cannot be read');
  }
  const { host } = read;
  const verdict = allowProxy.verdict(host);
  if (verdict !== 'refused') {
    return [proxyOf(read, { isTrusted: verdict === 'named', env: values })];
  }
  lacking.push({
    flag: `--allow-proxy ${host}`,
    text:
      `this worker may not use the proxy ${host}: to allow it, add it to --allow-proxy ` +
      '(FETCHFLEET_ALLOW_PROXY)',
  });
  return [];
}
