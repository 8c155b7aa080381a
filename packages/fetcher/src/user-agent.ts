import { VERSION } from '@fetchfleet/crawl';

/** The product token that robots.txt groups are matched with (RFC 9309). */
export const PRODUCT_TOKEN = 'fetchfleet';

/** Without a contact: for what no crawl file asked for, such as robots.txt. */
export const USER_AGENT = `${PRODUCT_TOKEN}/${VERSION}`;

/** Whatever could end the comment of a User-Agent, or the header itself. */
const UNSAFE = /[^\x21-\x27\x2a-\x5b\x5d-\x7e]/gu;

/**
 * `fetchfleet/0.1.0 (+ops@example.org)`: the User-Agent of a crawl that names a contact. The contact
 * was validated with its crawl file, but it comes back from Redis: what could break out of the header
 * is percent-encoded.
 */
export function userAgentFor(contact?: string): string {
  if (contact === undefined || contact === '') return USER_AGENT;
  return `${USER_AGENT} (+${contact.replaceAll(UNSAFE, percentEncoded)})`;
}

function percentEncoded(character: string): string {
  const octets = [...Buffer.from(character)];
  return octets.map((octet) => `%${octet.toString(16).padStart(2, '0').toUpperCase()}`).join('');
}
