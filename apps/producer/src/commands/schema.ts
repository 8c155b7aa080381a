import type { Context } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/errors.ts';
import { schemaText } from '../crawl/schema-text.ts';

/** `fetchfleet schema`: prints the JSON Schema of a crawl file, for editors. */
export async function schema({ terminal }: Pick<Context, 'terminal'>): Promise<ExitCode> {
  await terminal.printLines((await schemaText()).trimEnd().split('\n'));
  return EXIT.ok;
}
