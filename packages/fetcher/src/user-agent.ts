/** The product token that robots.txt groups are matched with (RFC 9309). */
export const PRODUCT_TOKEN = 'fetchfleet';

/** Sent as `user-agent` unless the crawl file sets its own. */
export const USER_AGENT = `${PRODUCT_TOKEN}/0.1.0`;
