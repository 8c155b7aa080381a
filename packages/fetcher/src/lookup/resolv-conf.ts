/** What `/etc/resolv.conf` says of names. The name servers in it are read by c-ares. */
export interface SearchRules {
  /** Domains to search, without dots at their ends. */
  readonly search: readonly string[];
  /** A name with at least as many dots is first asked for as it is. */
  readonly ndots: number;
}

export const NO_SEARCH: SearchRules = { search: [], ndots: 1 };

/** The most that the system allows. */
const MAX_NDOTS = 15;

/** Reads the text of `/etc/resolv.conf`. The last of several lines counts, as for the system. */
export function parseResolvConf(text: string): SearchRules {
  let { search, ndots } = NO_SEARCH;
  for (const line of text.split(/\r?\n/)) {
    const [keyword, ...words] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'search') {
      search = words.map(withoutLastDot);
    } else if (keyword === 'domain') {
      search = words.slice(0, 1).map(withoutLastDot);
    } else if (keyword === 'options') {
      ndots = words.reduce((found, word) => {
        const value = /^ndots:(\d+)$/.exec(word)?.[1];
        return value === undefined ? found : Math.min(Number(value), MAX_NDOTS);
      }, ndots);
    }
  }
  return { search, ndots };
}

/** The names to ask DNS for, in their order, until one has an address. */
export function candidatesOf(name: string, { search, ndots }: SearchRules): string[] {
  if (name.endsWith('.')) {
    return [withoutLastDot(name)];
  }
  const dots = name.split('.').length - 1;
  const searched = search.map((domain) => (domain === '' ? name : `${name}.${domain}`));
  return [...new Set(dots >= ndots ? [name, ...searched] : [...searched, name])];
}

function withoutLastDot(name: string): string {
  return name.replace(/\.$/, '');
}
