import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** What the cookie is made of besides the token: another version is another cookie. */
const COOKIE_PURPOSE = 'fetchfleet cookie 1';
/** A longer value is no cookie of ours, nor a token that somebody types. */
const MAX_LENGTH = 1_024;

/**
 * What viewers have to know. The cookie is made of the token and not the token itself: who reads it
 * can look on until the token changes, but learns no word that opens other doors.
 */
export class Token {
  readonly #token: string;
  /** The value of the cookie of somebody who knows the token. */
  readonly cookie: string;

  constructor(token: string) {
    this.#token = token;
    this.cookie = createHmac('sha256', token).update(COOKIE_PURPOSE).digest('base64url');
  }

  isToken(given: string): boolean {
    return isEqual(given, this.#token);
  }

  isCookie(given: string): boolean {
    return isEqual(given, this.cookie);
  }
}

/** In a time that says nothing about where they differ. */
function isEqual(given: string, known: string): boolean {
  if (given.length > MAX_LENGTH) {
    return false;
  }
  const [one, other] = [given, known].map((text) => createHash('sha256').update(text).digest());
  return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}
