import type { Terminal } from '../core/terminal.ts';
import { formatCount } from './units.ts';

const MAX_NAMED = 10;

/** Names the parts that were not read, each with the reason. */
export function warnOfSkippedParts(skipped: readonly string[], terminal: Terminal): void {
  for (const reason of skipped.slice(0, MAX_NAMED)) {
    terminal.warn(`skipped a part: ${reason}`);
  }
  const more = skipped.length - MAX_NAMED;
  if (more > 0) {
    terminal.warn(`skipped ${formatCount(more)} more parts`);
  }
}
