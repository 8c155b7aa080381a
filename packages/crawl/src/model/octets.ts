import { isUtf8 } from 'node:buffer';

const NOT_ASCII = /[\x80-\xff]/;
const OCTETS = /[\x80-\xff]/g;

/**
 * The text of a URL in a header whose octets came as Latin-1: UTF-8 if it can be, as servers send it
 * that do not escape their paths. Other octets are escaped as they are.
 */
export function fromOctets(text: string): string {
  if (!NOT_ASCII.test(text)) {
    return text;
  }
  const octets = Buffer.from(text, 'latin1');
  return isUtf8(octets) ? octets.toString('utf8') : text.replaceAll(OCTETS, escapeOctet);
}

function escapeOctet(octet: string): string {
  return `%${octet.charCodeAt(0).toString(16).toUpperCase()}`;
}
