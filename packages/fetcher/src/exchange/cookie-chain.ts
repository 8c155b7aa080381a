import type { CookieJar } from 'tough-cookie';

/**
 * The cookies that the redirects of one fetch set. They are sent with the next requests of that
 * fetch, by the rules of RFC 6265, and forgotten with it.
 */
export class CookieChain {
  readonly #received: { readonly from: string; readonly cookies: readonly string[] }[] = [];
  #jar: CookieJar | undefined;

  add(cookies: readonly string[], from: URL): void {
    this.#received.push({ from: from.href, cookies });
  }

  /**
   * The value of `cookie` for a request: the cookies of the crawl, replaced by those of the chain
   * where a name is the same. Undefined if there are none.
   */
  async headerFor(target: URL, own: string | undefined): Promise<string | undefined> {
    const jar = (this.#jar ??= await createJar());
    for (const { from, cookies } of this.#received.splice(0)) {
      for (const cookie of cookies) {
        jar.setCookieSync(cookie, from, { ignoreError: true });
      }
    }
    const ours = jar.getCookiesSync(target.href);
    const names = new Set(ours.map(({ key }) => key));
    const theirs = (own ?? '').split(/;\s*/).filter((pair) => {
      return pair !== '' && !names.has(pair.split('=', 1)[0]?.trim() ?? '');
    });
    const pairs = [...theirs, ...ours.map((cookie) => cookie.cookieString())];
    return pairs.length === 0 ? undefined : pairs.join('; ');
  }
}

/** Loaded with the first cookie: its list of public suffixes takes 60 ms. */
async function createJar(): Promise<CookieJar> {
  const { CookieJar: Jar } = await import('tough-cookie');
  return new Jar(undefined, { looseMode: true });
}
