import type { BatchStatus } from '@fetchfleet/fleet';
import { Presets, SingleBar } from 'cli-progress';
import { RateMeter } from './rate-meter.ts';
import type { Terminal } from './terminal.ts';
import { formatCount, formatDuration, formatRate, truncate } from './units.ts';

/** Between two lines where no terminal is. */
const LINE_INTERVAL_MS = 3_000;

type Counts = Pick<BatchStatus, 'state' | 'total' | 'settled' | 'failed'>;

export interface Progress {
  update(status: BatchStatus): void;
  /** Takes the bar away. Twice is fine. */
  stop(): void;
}

/** A bar on a terminal, a line every few seconds elsewhere, nothing when quiet. All on stderr. */
export function createProgress(terminal: Terminal, now: () => number = Date.now): Progress {
  if (terminal.isQuiet) return { update: () => undefined, stop: () => undefined };
  return terminal.isInteractive ? new BarProgress(terminal, now) : new LineProgress(terminal, now);
}

/** `812/s · 3 failed · 12 s left` */
export function describePace(status: Counts, perSecond: number): string {
  const left = status.total - status.settled;
  return [
    formatRate(perSecond),
    ...(status.failed > 0 ? [`${formatCount(status.failed)} failed`] : []),
    ...(perSecond > 0 && left > 0 ? [`${formatDuration((left / perSecond) * 1_000)} left`] : []),
    ...(status.state === 'expanding' ? ['still enqueueing'] : []),
  ].join(' · ');
}

/** `1,234 of 5,000 (24%)` */
export function describeCounts({ settled, total }: Counts): string {
  const percent = total === 0 ? 100 : Math.floor((settled / total) * 100);
  return `${formatCount(settled)} of ${formatCount(total)} (${percent}%)`;
}

class LineProgress implements Progress {
  readonly #terminal: Terminal;
  readonly #now: () => number;
  readonly #meter = new RateMeter();
  #lastLineAt: number;

  constructor(terminal: Terminal, now: () => number) {
    this.#terminal = terminal;
    this.#now = now;
    this.#lastLineAt = now();
  }

  update(status: BatchStatus): void {
    const now = this.#now();
    this.#meter.add(now, status.settled);
    if (now - this.#lastLineAt < LINE_INTERVAL_MS) return;
    this.#lastLineAt = now;
    const pace = describePace(status, this.#meter.perSecond);
    this.#terminal.note(`${status.name}: ${describeCounts(status)} · ${pace}`);
  }

  stop(): void {
    this.#lastLineAt = Number.POSITIVE_INFINITY;
  }
}

class BarProgress implements Progress {
  readonly #terminal: Terminal;
  readonly #now: () => number;
  readonly #meter = new RateMeter();
  #bar: SingleBar | undefined;

  constructor(terminal: Terminal, now: () => number) {
    this.#terminal = terminal;
    this.#now = now;
  }

  update(status: BatchStatus): void {
    this.#meter.add(this.#now(), status.settled);
    this.#bar ??= this.#start(status.total);
    this.#bar.update(status.settled, { line: this.#describe(status) });
  }

  stop(): void {
    this.#terminal.setOverlay(undefined);
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #describe(status: BatchStatus): string {
    const text = `${describeCounts(status)} · ${describePace(status, this.#meter.perSecond)}`;
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
