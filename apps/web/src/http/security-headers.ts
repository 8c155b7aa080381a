/** Nothing but our own files: a text of an origin that becomes markup by a mistake does nothing. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** With every answer. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': PAGE_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-frame-options': 'DENY',
};

/**
 * Also with pictures: a browser draws one that is opened by itself with a style of its own, and
 * nothing in its bytes can be one.
 */
export const FOREIGN_IMAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
};

/**
 * With what came from an origin: even where it is opened by itself, it has no script, no frame, no
 * request of its own, and an origin of its own. Pages of ours may show it in a frame.
 */
export const FOREIGN_BODY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'self'",
  'x-frame-options': 'SAMEORIGIN',
  // A browser opens nothing that is in a sandbox and asks for a group of its own.
  'cross-origin-opener-policy': 'unsafe-none',
  'cache-control': 'no-store',
};
