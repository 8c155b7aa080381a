import { bodyText, decodeBody, type EncodedBody, printableLines } from '@fetchfleet/crawl';
import type { Context } from '../../core/context.ts';
import { indentJson } from './indent-json.ts';

export interface PrintOptions {
  /** One line, for programs. */
  readonly json?: boolean;
  /** Only the bytes of the body. */
  readonly body?: boolean;
}

/** Prints a record for people, unless the options say otherwise. @param line of NDJSON */
export async function printRecord(
  line: string,
  options: PrintOptions,
  { terminal }: Context,
): Promise<void> {
  if (options.body === true) {
    await printBody(line, terminal);
  } else if (options.json === true) {
    await terminal.printNext(line);
  } else {
    await terminal.printLines(indentJson(line));
  }
}

/** A program gets the bytes; on a terminal they could move the cursor or worse. */
async function printBody(line: string, terminal: Context['terminal']): Promise<void> {
  const bytes = bodyBytes(line);
  if (bytes === undefined) {
    return;
  }
  if (terminal.stdout.isTTY === true) {
    await terminal.printLines(printableLines(bytes.toString()).split('\n'));
  } else {
    await terminal.printBytes(bytes);
  }
}

/** As they were served, except for line breaks in JSON, and charsets, which are UTF-8 here. */
function bodyBytes(line: string): Buffer | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it was encoded as a record
  const record = JSON.parse(line) as EncodedBody;
  const isJson = record.body !== undefined && record.bodyEncoding === undefined;
  return isJson ? Buffer.from(bodyText(line) ?? '') : decodeBody(record);
}
