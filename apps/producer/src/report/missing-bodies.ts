import type { ExportSummary } from '@fetchfleet/results';
import type { Terminal } from '../core/terminal.ts';
import { formatCount } from './units.ts';

const MAX_NAMED = 10;

/**
 * Says which records have no body because it is in a batch that is not there any more.
 *
 * @returns whether all bodies are there
 */
export function warnOfMissingBodies(
  { missingBodies = [] }: Pick<ExportSummary, 'missingBodies'>,
  terminal: Terminal,
): boolean {
  for (const { batch, records, reason } of missingBodies.slice(0, MAX_NAMED)) {
    const which = records === 1 ? '1 record has' : `${formatCount(records)} records have`;
    terminal.warn(`${which} no body: it is in ${batch}, which ${reason}`);
  }
  const more = missingBodies.length - MAX_NAMED;
  if (more > 0) {
    terminal.warn(`bodies of ${formatCount(more)} more batches are missing`);
  }
  return missingBodies.length === 0;
}
