import { RequestInvalidError } from '../connect/errors.ts';
import { withoutFragment } from './request-target.ts';
import type { RequestMessage } from './transport.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

type Headers = RequestMessage['headers'];

/** A crawl sends the same headers with thousands of requests. */
const LINES = new WeakMap<Headers, string>();

/**
 * The head of a request as Latin-1, with the empty line. A body needs its length; a request without
 * one has a length of 0 if its method means that one may come, as some servers want it.
 *
 * @throws RequestInvalidError if a header would end its line or cannot be written
 */
export function requestHead(message: RequestMessage): string {
  const { url, method, headers, body, isToProxy = false } = message;
  const target = isToProxy ? withoutFragment(url) : url.pathname + url.search;
  const host = headers['host'] === undefined ? `host: ${url.host}\r\n` : '';
  const hasLength =
    body !== undefined || method === 'POST' || method === 'PUT' || method === 'PATCH';
  const length = hasLength ? `content-length: ${body?.length ?? 0}\r\n` : '';
  return `${method} ${target} HTTP/1.1\r\n${host}connection: keep-alive\r\n${linesOf(headers)}${length}\r\n`;
}

function linesOf(headers: Headers): string {
  let lines = LINES.get(headers);
  if (lines === undefined) {
    lines = Object.entries(headers).map(lineOf).join('');
    LINES.set(headers, lines);
  }
  return lines;
}

/** Its message does not have the value, which may be a secret. */
function lineOf([name, value]: readonly [string, string]): string {
  if (!TOKEN.test(name)) {
    throw new RequestInvalidError(`the name of the header ${JSON.stringify(name)} is not valid`);
  }
  if (!VALUE.test(value)) {
    const what = 'a character that no header may have';
    throw new RequestInvalidError(`the value of the header ${name} has ${what}`);
  }
  return `${name}: ${value}\r\n`;
}
