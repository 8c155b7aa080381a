import type { RedisMemory } from '@fetchfleet/fleet';
import type { Terminal } from '../core/terminal.ts';
import { formatBytes, formatPercent } from '../report/units.ts';

/** For the expansion of a batch: says why a command does not go on. */
export function reportFull(terminal: Terminal): (memory: RedisMemory) => void {
  return ({ usedBytes, maxBytes }) => {
    const share = `${formatPercent(usedBytes, maxBytes)} of its ${formatBytes(maxBytes)}`;
    terminal.warn(
      `Redis uses ${share} (maxmemory): the rest is enqueued when workers have made room; ` +
        'after an interruption, the same command continues',
    );
  };
}
