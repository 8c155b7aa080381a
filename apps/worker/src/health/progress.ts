import { Heartbeat } from '@fetchfleet/service';

/** What a worker is told by of its progress. */
export class Progress {
  /** Beats when a claim is answered. */
  readonly claimed = new Heartbeat();
  /** Beats when a fetch ends. */
  readonly fetched = new Heartbeat();
  /** Records that are durable, since the start. */
  recorded = 0;

  /** Since either. */
  get silenceMs(): number {
    return Math.min(this.claimed.silenceMs, this.fetched.silenceMs);
  }
}
