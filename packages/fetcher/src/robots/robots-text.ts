/** RFC 9309 asks for at least 500 KiB; the rest of a larger file is ignored. */
const MAX_PARSED_BYTES = 500 * 1_024;

/**
 * The text of a robots.txt body, up to 500 KiB. Invalid UTF-8 becomes U+FFFD. A line that the limit
 * cuts is dropped: half a path would forbid too much.
 */
export function robotsText(body: Buffer): string {
  if (body.length <= MAX_PARSED_BYTES) {
    return body.toString('utf8');
  }
  const text = body.toString('utf8', 0, MAX_PARSED_BYTES);
  const lastBreak = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r'));
  return text.slice(0, Math.max(0, lastBreak));
}

/** The same limit for a text, without its byte order mark. */
export function cutRobotsText(text: string): string {
  const withoutMark = text.startsWith('\uFEFF') ? text.slice(1) : text;
  // A UTF-16 unit takes at most three bytes in UTF-8.
  if (withoutMark.length * 3 <= MAX_PARSED_BYTES) {
    return withoutMark;
  }
  return robotsText(Buffer.from(withoutMark));
}
