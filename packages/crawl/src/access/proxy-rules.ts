import { isProxyProblem, parseProxy } from './proxy-address.ts';

/** The text of `--allow-proxy` cannot be read. */
export class ProxyRulesError extends Error {
  override readonly name = 'ProxyRulesError';
  readonly code = 'ALLOW_PROXY_INVALID';
}

/**
 * What a worker lets a crawl do with a proxy.
 *
 * - `named`: the operator has named it, so that its address may be any
 * - `any`: the operator allows all, so that its address is checked like that of an origin
 */
export type ProxyVerdict = 'named' | 'any' | 'refused';

const ENVIRONMENT = 'env';

/** Which proxies crawls may name: `proxy.example:3128,*.example,env`, or `*` for all. */
export class ProxyRules {
  /** Each entry as it was written, for the register of workers. */
  readonly entries: readonly string[];

  private constructor(entries: readonly string[]) {
    this.entries = entries;
  }

  /**
   * An empty text allows none.
   *
   * @throws ProxyRulesError
   */
  static parse(text: string): ProxyRules {
    const entries = text
      .split(',')
      .map((entry) => entry.trim().toLowerCase())
      .filter((entry) => entry !== '');
    const wrong = entries.findIndex((entry) => !isEntry(entry));
    if (wrong !== -1) {
      throw new ProxyRulesError(
        'must be hosts such as proxy.example or proxy.example:3128, env or *, separated by ' +
          `commas; entry ${wrong + 1} is none of them`,
      );
    }
    return new ProxyRules(entries);
  }

  /** @param host with its port */
  verdict(host: string): ProxyVerdict {
    const [name] = /^.*(?=:\d+$)/.exec(host) ?? [host];
    if (this.entries.some((entry) => entry === host || entry === name)) {
      return 'named';
    }
    return this.entries.includes('*') ? 'any' : 'refused';
  }

  /** Whether crawls may use the proxies that the environment of the worker names. */
  get allowsEnvironment(): boolean {
    return this.entries.some((entry) => entry === ENVIRONMENT || entry === '*');
  }
}

function isEntry(entry: string): boolean {
  if (entry === '*' || entry === ENVIRONMENT) {
    return true;
  }
  const read = parseProxy(`http://${entry}`);
  return !isProxyProblem(read) && !entry.includes('@') && !entry.includes('*');
}
