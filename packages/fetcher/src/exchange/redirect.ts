import { fromOctets, type Method, repeatsSecret } from '@fetchfleet/crawl';
import { excerptOf } from './failure.ts';

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** A redirect that cannot be followed. */
export interface BadRedirect {
  readonly code:
    | 'REDIRECT_CREDENTIALS'
    | 'REDIRECT_INVALID'
    | 'REDIRECT_METHOD'
    | 'REDIRECT_SECRET'
    | 'REDIRECT_SCHEME';
  readonly message: string;
}

/**
 * Whether a response is a redirect. One without `location`, or with an empty one, is a response
 * like any other.
 */
export function isRedirect(status: number, location: string | undefined): location is string {
  return location !== undefined && location !== '' && REDIRECTS.has(status);
}

/** The method of the request that follows a redirect, by the Fetch standard. */
export function methodAfter(status: number, method: Method): Method {
  const isGet =
    ((status === 301 || status === 302) && method === 'POST') ||
    (status === 303 && method !== 'HEAD');
  return isGet ? 'GET' : method;
}

/**
 * The target of a redirect. Messages name origins only: the rest of a location may hold a token.
 * Another origin is only ever asked: what a request changes, and what its body holds, is meant for
 * the origin in the crawl file. One whose name repeats a secret is not asked at all: names of
 * origins are looked up, logged and stored.
 *
 * @param how.method of the request that would follow
 * @param how.tells whether a text has a secret that is to be hidden
 */
export function redirectTarget(
  location: string,
  {
    from,
    method,
    tells,
  }: {
    readonly from: URL;
    readonly method: Method;
    readonly tells: (text: string) => boolean;
  },
): URL | BadRedirect {
  const target = URL.parse(fromOctets(location), from.href);
  if (target === null) {
    return { code: 'REDIRECT_INVALID', message: `${from.origin} redirected to an invalid URL` };
  }
  if (target.protocol !== 'http:' && target.protocol !== 'https:') {
    return {
      code: 'REDIRECT_SCHEME',
      message: `${from.origin} redirected to a ${excerptOf(target.protocol)} URL; only http and https are followed`,
    };
  }
  if (target.origin !== from.origin && tells(target.origin)) {
    return {
      code: 'REDIRECT_SECRET',
      message: `${from.origin} redirected to an origin whose name repeats a secret`,
    };
  }
  if (target.username !== '' || target.password !== '') {
    return {
      code: 'REDIRECT_CREDENTIALS',
      message: `${from.origin} redirected to a URL with credentials at ${target.origin}`,
    };
  }
  if (target.origin !== from.origin && method !== 'GET' && method !== 'HEAD') {
    return {
      code: 'REDIRECT_METHOD',
      message:
        `${from.origin} redirected a ${method} to ${target.origin}; only GET and HEAD follow to ` +
        'another origin: if it is the right one, write it in url',
    };
  }
  return target;
}

/**
 * The URL to record where redirects led elsewhere; undefined if they led back. An origin may repeat
 * a secret in a location: what holds one is left out.
 */
export function finalUrlOf(
  final: URL,
  requested: URL,
  secrets: readonly string[],
): string | undefined {
  const [page = ''] = final.href.split('#', 1);
  if (page === requested.href.split('#', 1)[0]) {
    return undefined;
  }
  return repeatsSecret(page, secrets) ? `${final.origin}/…` : page;
}
