import { type BatchStatus, Pace, remainingMs } from '@fetchfleet/fleet';
import { Presets, SingleBar } from 'cli-progress';
import type { Terminal } from '../core/terminal.ts';
import {
  countOf,
  formatCount,
  formatDuration,
  formatPercent,
  formatRate,
  truncate,
} from './units.ts';

/** Interval between two lines of output without a terminal. */
const LINE_INTERVAL_MS = 3_000;

type Counts = Pick<BatchStatus, 'state' | 'total' | 'settled' | 'failed' | 'pages'>;

export interface Progress {
  update(status: BatchStatus): void;
  /** Removes the bar. Stopping twice is fine. */
  stop(): void;
}

/** Shows a bar on a terminal, otherwise a line every 3 s; nothing with --quiet. Uses stderr. */
export function createProgress(terminal: Terminal, now: () => number = Date.now): Progress {
  if (terminal.isQuiet) {
    return { update: () => undefined, stop: () => undefined };
  }
  return terminal.isInteractive ? new BarProgress(terminal, now) : new LineProgress(terminal, now);
}

/** `812/s · 3 failed · 12 s left`, with the pages where fetches have some */
export function describePace(
  status: Counts,
  pace: Pick<Pace, 'perSecond' | 'steadyPerSecond'>,
): string {
  const isPaused = status.state === 'paused';
  const ms = remainingMs(status.total - status.settled, pace.steadyPerSecond);
  return [
    isPaused ? 'paused' : formatRate(pace.perSecond),
    ...(status.pages === undefined ? [] : [countOf(status.pages, 'page')]),
    ...(status.failed > 0 ? [`${formatCount(status.failed)} failed`] : []),
    ...(isPaused || ms === undefined || ms === 0 ? [] : [`${formatDuration(ms)} left`]),
    ...(status.state === 'expanding' ? ['still enqueueing'] : []),
  ].join(' · ');
}

/** `1,234 of 5,000 (24%)` */
export function describeCounts({ settled, total }: Counts): string {
  return `${formatCount(settled)} of ${formatCount(total)} (${formatPercent(settled, total)})`;
}

class LineProgress implements Progress {
  readonly #terminal: Terminal;
  readonly #now: () => number;
  readonly #pace = new Pace();
  #lastLineAt: number;

  constructor(terminal: Terminal, now: () => number) {
    this.#terminal = terminal;
    this.#now = now;
    this.#lastLineAt = now();
  }

  update(status: BatchStatus): void {
    const now = this.#now();
    this.#pace.add(now, status.settled);
    if (now - this.#lastLineAt < LINE_INTERVAL_MS) {
      return;
    }
    this.#lastLineAt = now;
    const pace = describePace(status, this.#pace);
    this.#terminal.note(`${status.name}: ${describeCounts(status)} · ${pace}`);
  }

  stop(): void {
    this.#lastLineAt = Number.POSITIVE_INFINITY;
  }
}

class BarProgress implements Progress {
  readonly #terminal: Terminal;
  readonly #now: () => number;
  readonly #pace = new Pace();
  #bar: SingleBar | undefined;

  constructor(terminal: Terminal, now: () => number) {
    this.#terminal = terminal;
    this.#now = now;
  }

  update(status: BatchStatus): void {
    this.#pace.add(this.#now(), status.settled);
    this.#bar ??= this.#start(status.total);
    this.#bar.update(status.settled, { line: this.#describe(status) });
  }

  stop(): void {
    this.#terminal.setOverlay(undefined);
    // The bar restores the cursor position saved at its start, above all lines printed since then.
    // Save the current position instead.
    if (this.#bar !== undefined) {
      this.#terminal.stderr.write('\r\u001B7');
    }
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #describe(status: BatchStatus): string {
    const text = `${describeCounts(status)} · ${describePace(status, this.#pace)}`;
    return truncate(text, this.#terminal.width - 20);
  }

  #start(total: number): SingleBar {
    const { stderr } = this.#terminal;
    const bar = new SingleBar(
      {
        format: '{bar} {line}',
        barsize: 18,
        stream: stderr,
        hideCursor: true,
        clearOnComplete: true,
        gracefulExit: false,
        emptyOnZero: true,
      },
      Presets.shades_classic,
    );
    bar.start(total, 0, { line: '' });
    this.#terminal.setOverlay({
      clear: () => stderr.write('\r\u001B[K'),
      redraw: () => bar.render(),
    });
    return bar;
  }
}
