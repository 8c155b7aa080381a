import type { IncomingHttpHeaders } from 'node:http';
import { type HostCheck, hostnameOf } from './host-check.ts';

/**
 * Whether a page of another site has sent this request. Browsers say so in headers that no page can
 * set. Programs send neither.
 */
export function isForeign(headers: IncomingHttpHeaders, hosts: HostCheck): boolean {
  const site = headers['sec-fetch-site'];
  // `none`: a person has typed the address, or opened a bookmark.
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return true;
  }
  const { origin } = headers;
  return origin !== undefined && !isOwnOrigin(origin, headers.host ?? '', hosts);
}

/**
 * Whether a page of ours has sent this request, or a program that says so: a change needs one of
 * these headers, so that an old browser, which sends neither, cannot be used by another site.
 */
export function isSameOrigin(headers: IncomingHttpHeaders, hosts: HostCheck): boolean {
  const isSaid = headers['sec-fetch-site'] === 'same-origin' || headers.origin !== undefined;
  return isSaid && headers['sec-fetch-site'] !== 'none' && !isForeign(headers, hosts);
}

/** Behind a reverse proxy `Host` may be another name than the one in the browser. */
function isOwnOrigin(origin: string, host: string, hosts: HostCheck): boolean {
  const [, authority] = /^https?:\/\/([^/]+)$/iu.exec(origin) ?? [];
  if (authority === undefined) {
    return false;
  }
  const name = hostnameOf(authority);
  const isSet = name !== undefined && name !== 'localhost' && hosts.isAllowed(name);
  return authority.toLowerCase() === host.toLowerCase() || isSet;
}
