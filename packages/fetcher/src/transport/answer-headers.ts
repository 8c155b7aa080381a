import { addHeader } from './repeated-headers.ts';

const SPACE = 0x20;
const TAB = 0x09;
const CLOSE = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i;
const KEEP_ALIVE = /(?:^|,)[ \t]*keep-alive[ \t]*(?:,|$)/i;

export interface AnswerHeaders {
  /** Names are lower-case. Those that came twice are joined, or the one that counts is kept. */
  readonly headers: Readonly<Record<string, string>>;
  /** Every `set-cookie`: joined, they cannot be told apart. */
  readonly cookies: readonly string[] | undefined;
}

/** Reads the headers of a plain head, as `readHead` returns it. */
export function readHeaders(head: string): AnswerHeaders {
  const headers: Record<string, string> = {};
  let cookies: string[] | undefined;
  let start = head.indexOf('\n') + 1;
  for (let end = head.indexOf('\r', start); end > start; end = head.indexOf('\r', start)) {
    const colon = head.indexOf(':', start);
    const name = head.slice(start, colon).toLowerCase();
    const value = trimmed(head, colon + 1, end);
    if (name === 'set-cookie') {
      cookies ??= [];
      cookies.push(value);
    }
    addHeader(headers, name, value);
    start = end + 2;
  }
  return { headers, cookies };
}

/** Whether the connection stays open behind an answer (RFC 9112, section 9.3). */
export function isKeptAlive(head: string, { connection }: AnswerHeaders['headers']): boolean {
  const isOld = head.startsWith('HTTP/1.0');
  return connection === undefined
    ? !isOld
    : !CLOSE.test(connection) && (!isOld || KEEP_ALIVE.test(connection));
}

/** Without spaces and tabs, but with any other byte that `trim` would take for white space. */
function trimmed(text: string, from: number, to: number): string {
  let [start, end] = [from, to];
  while (start < end && isBlank(text.charCodeAt(start))) {
    start += 1;
  }
  while (end > start && isBlank(text.charCodeAt(end - 1))) {
    end -= 1;
  }
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
