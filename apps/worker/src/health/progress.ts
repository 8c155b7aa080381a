import { Heartbeat } from '@fetchfleet/service';

/** Progress counters, read by the watchdog and the status report. */
export class Progress {
  /** Beats when a claim is answered, with a slice or without. */
  readonly claimed = new Heartbeat();
  /** Beats when a fetch ends. */
  readonly fetched = new Heartbeat();
  /** Durable records since the start of the worker. */
  recorded = 0;

  /** Since the last claim or fetch. */
  get silenceMs(): number {
    return Math.min(this.claimed.silenceMs, this.fetched.silenceMs);
  }
}
