import { computed, type ReadonlySignal, signal } from '@preact/signals';

/**
 * Where the page is. Everything that a view shows or filters by is in the fragment, so that a
 * bookmark is enough to come back, and nothing of it reaches the logs of a proxy:
 *
 *     #/batches/ID/records?outcome=timeout
 */
export interface Route {
  readonly path: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

const fragment = signal(location.hash);
addEventListener('hashchange', () => {
  fragment.value = location.hash;
});

export const route: ReadonlySignal<Route> = computed(() => parse(fragment.value));

function parse(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  return {
    path: path
      .split('/')
      .filter((part) => part !== '')
      .map(decoded),
    query: Object.fromEntries(new URLSearchParams(search)),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // typed by hand
  }
}

export type Query = Readonly<Record<string, string | number | undefined>>;

/** The address of a view, for links. */
export function to(path: readonly string[], query: Query = {}): string {
  const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const search = new URLSearchParams(set.map(([name, value]) => [name, String(value)])).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`;
}

/** Goes there. @param replaces whether Back leads to what was before this view */
export function go(address: string, { replaces = false } = {}): void {
  if (replaces) {
    history.replaceState(null, '', address);
    fragment.value = address;
  } else {
    location.hash = address;
  }
}

/** Changes the query of the view that is shown. */
export function setQuery(changes: Query): void {
  const { path, query } = route.value;
  go(to(path, { ...query, ...changes }), { replaces: true });
}
