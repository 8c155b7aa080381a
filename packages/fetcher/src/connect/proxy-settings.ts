import {
  isProxyProblem,
  mentionsSecret,
  parseProxy,
  type ProxyAddress,
  resolveCredential,
} from '@fetchfleet/crawl';
import { decodeCredential } from './decode-credential.ts';
import type { Proxy, ProxyRoutes } from './proxy.ts';

const VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** What names a proxy cannot be read. The value is never quoted: it may hold a password. */
export class ProxySettingError extends Error {
  override readonly name = 'ProxySettingError';
  readonly code = 'PROXY_INVALID';
}

/**
 * A proxy with its credentials.
 *
 * @param options.env values of the secrets in user and password. @default none
 * @throws SecretError
 */
export function proxyOf(
  { origin, user, password }: ProxyAddress,
  { isTrusted, env = {} }: { readonly isTrusted: boolean; readonly env?: Environment },
): Proxy {
  if (user === '' && password === undefined) {
    return { origin, isTrusted };
  }
  const name = credential(user, env);
  // A secret may hold both.
  const pair =
    password === undefined && name.includes(':')
      ? name
      : `${name}:${credential(password ?? '', env)}`;
  return { origin, isTrusted, authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/**
 * What a process goes through: `env`, or the one proxy for everything.
 *
 * @param setting empty for none
 * @throws ProxySettingError
 */
export function readRoutes(setting: string, env: Environment): ProxyRoutes | undefined {
  if (setting === '') {
    return undefined;
  }
  return setting === 'env' ? routesOfEnvironment(env) : routesOfUrl(setting);
}

function routesOfUrl(text: string): ProxyRoutes {
  const proxies = [trustedProxy(text, '')];
  return { http: proxies, https: proxies, bypass: [] };
}

/**
 * The proxies that `HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY` name, and the hosts of `NO_PROXY`.
 * Names in lower case win, as for other programs.
 *
 * @throws ProxySettingError
 */
export function routesOfEnvironment(env: Environment): ProxyRoutes {
  const everything = proxyOfVariable(env, 'ALL_PROXY');
  const http = proxyOfVariable(env, 'HTTP_PROXY') ?? everything ?? [];
  const https = proxyOfVariable(env, 'HTTPS_PROXY') ?? everything ?? [];
  if (http.length + https.length === 0) {
    // Whoever asks for a proxy must not be sent without one.
    throw new ProxySettingError('none of HTTPS_PROXY, HTTP_PROXY and ALL_PROXY is set');
  }
  const entries = (valueOf(env, 'NO_PROXY')?.value ?? '').split(/[\s,]+/);
  return {
    http,
    https,
    bypass: entries.filter((entry) => entry !== ''),
  };
}

/** Which proxies a worker uses: `--proxy` and `--allow-proxy`. */
interface ProxyUse {
  readonly proxy: string;
  readonly allowProxy: { readonly entries: readonly string[] };
}

/**
 * The variables that name a proxy for other programs and do nothing here, because no setting says
 * `env`.
 */
export function ignoredProxies(env: Environment, use: ProxyUse): readonly string[] {
  return use.proxy === 'env' || use.allowProxy.entries.includes('env')
    ? []
    : VARIABLES.flatMap((name) => [name, name.toLowerCase()]).filter(
        (name) => (env[name] ?? '') !== '',
      );
}

function proxyOfVariable(env: Environment, variable: string): readonly Proxy[] | undefined {
  const found = valueOf(env, variable);
  if (found === undefined) {
    return undefined;
  }
  const { name, value } = found;
  // Other programs take a host alone.
  return [trustedProxy(value.includes('://') ? value : `http://${value}`, `${name}: `)];
}

/** @param at where it stands, for messages */
function trustedProxy(text: string, at: string): Proxy {
  if (mentionsSecret(text)) {
    throw new ProxySettingError(`${at}\${env:NAME} is for crawl files; write the value itself`);
  }
  const read = parseProxy(text);
  if (isProxyProblem(read)) {
    throw new ProxySettingError(`${at}${read.problem}`);
  }
  return proxyOf(read, { isTrusted: true });
}

function valueOf(
  env: Environment,
  variable: string,
): { readonly name: string; readonly value: string } | undefined {
  const name = [variable.toLowerCase(), variable].find((one) => (env[one] ?? '') !== '');
  return name === undefined ? undefined : { name, value: env[name] ?? '' };
}

/** What is written between secrets is escaped as in any URL; a secret is taken as it is. */
function credential(text: string, env: Environment): string {
  return text
    .split(/(\$\{[^}]*\})/)
    .map((piece, at) => (at % 2 === 0 ? decodeCredential(piece) : resolveCredential(piece, env)))
    .join('');
}
