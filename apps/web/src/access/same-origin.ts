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
  return headers.origin !== undefined && !isOwnOrigin(headers.origin, headers, hosts);
}

/**
 * Whether a page of ours has sent this request, or a program that says so: a change needs one of
 * these headers, so that an old browser, which sends neither, cannot be used by another site.
 */
export function isSameOrigin(headers: IncomingHttpHeaders, hosts: HostCheck): boolean {
  const isSaid = headers['sec-fetch-site'] === 'same-origin' || headers.origin !== undefined;
  return isSaid && headers['sec-fetch-site'] !== 'none' && !isForeign(headers, hosts);
}

/**
 * Behind a reverse proxy `Host` may be another name than the one in the browser, or have another
 * port. Names of `--allow-host` may have any. At the address of this server other programs have
 * ports, so there the browser has to say that the page has its own.
 */
function isOwnOrigin(origin: string, headers: IncomingHttpHeaders, hosts: HostCheck): boolean {
  const [, authority] = /^https?:\/\/([^/]+)$/iu.exec(origin) ?? [];
  const name = hostnameOf(authority ?? '');
  if (authority === undefined || name === undefined) {
    return false;
  }
  const isSaid = headers['sec-fetch-site'] === 'same-origin';
  return (
    authority.toLowerCase() === headers.host?.toLowerCase() ||
    hosts.isFurther(name) ||
    (isSaid && hosts.isOwn(authority, undefined))
  );
}
