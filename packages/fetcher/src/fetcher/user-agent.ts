import { VERSION } from '@fetchfleet/crawl';

/** The product token that selects a group in robots.txt (RFC 9309). */
export const PRODUCT_TOKEN = 'fetchfleet';

/** User-Agent without a contact: for requests that belong to no crawl file, such as robots.txt. */
export const USER_AGENT = `${PRODUCT_TOKEN}/${VERSION}`;

/** Characters that could end the comment of a User-Agent, or the header itself. */
const UNSAFE = /[^\x21-\x27\x2a-\x5b\x5d-\x7e]/gu;

/**
 * The User-Agent of a crawl with a contact: `fetchfleet/1.2.3 (+ops@example.org)`. The contact was
 * validated with the crawl file, but it comes back from Redis: unsafe characters are
 * percent-encoded.
 */
export function userAgentFor(contact?: string): string {
  if (contact === undefined || contact === '') {
    return USER_AGENT;
  }
  return `${USER_AGENT} (+${contact.replaceAll(UNSAFE, percentEncoded)})`;
}

function percentEncoded(character: string): string {
  const octets = [...Buffer.from(character)];
  return octets.map((octet) => `%${octet.toString(16).padStart(2, '0').toUpperCase()}`).join('');
}
