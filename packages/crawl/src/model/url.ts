const USER_INFO = /^([a-z][a-z0-9+.-]*:\/\/)[^/?#\\]*@/i;

/** Scheme, host and port, default ports dropped. Throws `TypeError` where the text is no URL. */
export function originOf(url: string): string {
  return new URL(url).origin;
}

/** The URL without user name and password. Needs no valid URL, so it is safe in error messages. */
export function redactUrl(url: string): string {
  return url.includes('@') ? url.replace(USER_INFO, '$1') : url;
}
