import { printable, printableLines } from '@fetchfleet/crawl';

/*
 * Messages and fields of a log hold text of others: URLs, reasons of origins, ids from Redis. A log
 * is read on a terminal, be it with `docker logs` or `tail`.
 */

/** One line of JSON in which every character is seen. It means what it meant. */
export function printableLine(line: string): string {
  return `${printable(line.trimEnd())}\n`;
}

/** The same for a line whose strings are shown without their escapes. Stacks keep their lines. */
export function printableStrings(line: string): string {
  try {
    return `${JSON.stringify(shown(JSON.parse(line), ''))}\n`;
  } catch {
    return printableLine(line);
  }
}

function shown(value: unknown, key: string): unknown {
  if (typeof value === 'string') {
    return key === 'stack' ? printableLines(value) : printable(value);
  }
  if (Array.isArray(value)) {
    return value.map((one) => shown(one, ''));
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([name, one]) => [printable(name), shown(one, name)]);
    return Object.fromEntries(entries) as unknown;
  }
  return value;
}
