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
const PORT = /:\d+$/;

/** Which proxies crawls may name: `proxy.example,other.example:3128,env`, or `*` for all. */
export class ProxyRules {
  /** Each entry as hosts are compared, for the register of workers. */
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
    const read = entries.map(readEntry);
    const wrong = read.indexOf(undefined);
    if (wrong !== -1) {
      throw new ProxyRulesError(
        'must be hosts such as proxy.example or proxy.example:3128, env or *, separated by ' +
          `commas; entry ${wrong + 1} is none of them`,
      );
    }
    return new ProxyRules(read.flatMap((entry) => entry ?? []));
  }

  /** @param host with its port */
  verdict(host: string): ProxyVerdict {
    const name = host.replace(PORT, '');
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

/** An entry with its host as URLs have it, so without IDN; undefined if it is none. */
function readEntry(entry: string): string | undefined {
  if (entry === '*' || entry === ENVIRONMENT) {
    return entry;
  }
  const read = parseProxy(`http://${entry}`);
  if (isProxyProblem(read) || /[@*/]/.test(entry)) {
    return undefined;
  }
  return PORT.test(entry) ? read.host : read.host.replace(PORT, '');
}
